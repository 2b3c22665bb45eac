"""How an exchange with a worker fails."""


class UpstreamFailed(Exception):
    """The worker closed early or broke the rules of HTTP; the text says which."""


class ConnectFailed(UpstreamFailed):
    """Nobody accepted the connection: nothing of the request left the gateway."""


class ClosedWhileIdle(UpstreamFailed):
    """A kept connection was closed by the worker before a single byte of its answer."""


class FunctionFailed(Exception):
    """The worker is well and answered that its function failed in a way nobody foresaw."""
