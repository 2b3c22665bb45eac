"""The family of errors that end a start, each worded as the one line its reader needs."""


class ServerFailure(Exception):
    """A server cannot be found, started or trusted; the message is complete in one line."""
