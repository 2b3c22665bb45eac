"""What the platform's messaging function is asked where a call is to run later."""

from gateway.asgi import Headers
from gateway.catalogue import Route
from gateway.invocation import Invocation


def asked_of(
    route: Route, method: str, query: bytes, forwarded: Headers
) -> tuple[str, bytes, Headers]:
    """Return the method, target and headers that a worker is asked with.

    A call for later becomes a POST whose headers say what to call then; every other call is
    asked for as it came.
    """
    path = route.path
    if route.later is None:
        return method, b"%b?%b" % (path, query) if query else path, forwarded
    assert route.scoped is not None
    below = b"%b?%b" % (route.later, query) if query else route.later
    said = [
        (b"x-gridfaas-async-function", route.scoped.name.encode()),
        (b"x-gridfaas-async-method", method.encode()),
        (b"x-gridfaas-async-target", below),
    ]
    return "POST", path, [*forwarded, *said]


def call_id_said(call: Invocation, headers: Headers) -> bytes:
    """Return the X-Call-Id of an answer to a call for later: that of the call which was kept."""
    for name, value in headers:
        if name == b"x-call-id":
            return value
    return call.call_id.encode()
