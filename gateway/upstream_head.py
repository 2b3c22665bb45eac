"""The head of a request as a function's worker receives it."""

from gateway.asgi import Headers
from gateway.invocation import Invocation


def upstream_head(
    *,
    call: Invocation,
    method: str,
    forwarded: Headers,
    length: int | None,
    chunked: bool,
    target: bytes,
    remaining_s: float,
    with_ids: bool = True,
) -> bytes:
    """Write the request line and headers, with the identity that the gateway vouches for.

    `target` is the raw path with its query, `length` the bytes of the body: None when there is no
    body or its length is not known, which `chunked` tells apart. Without ids the head is left open,
    for `ids_at_the_end`.
    """
    assert call.caller is not None
    caller = call.caller
    said = (
        f" HTTP/1.1\r\nhost: {call.function}\r\n"
        f"x-gridfaas-tenant: {call.tenant}\r\n"
        f"x-gridfaas-role: {caller.role}\r\n"
        f"x-gridfaas-scopes: {' '.join(sorted(caller.scopes))}\r\n"
        f"x-gridfaas-subject: {caller.key_id}\r\n"
        f"x-gridfaas-deadline-ms: {max(1, int(remaining_s * 1000))}\r\n"
    )
    if caller.zone is not None:
        said += f"x-gridfaas-zone-credential: {caller.zone}\r\n"
        said += f"x-gridfaas-incarnation: {caller.incarnation}\r\n"
        said += f"x-gridfaas-zone-edges: {' '.join(caller.zone_edges)}\r\n"
    if chunked:
        said += "transfer-encoding: chunked\r\n"
    elif length is not None:
        said += f"content-length: {length}\r\n"
    parts = [method.encode(), b" ", target, said.encode("latin-1")]
    for name, value in forwarded:
        parts += (name, b": ", value, b"\r\n")
    if with_ids:
        parts.append(ids_at_the_end(call))
    return b"".join(parts)


def ids_at_the_end(call: Invocation) -> bytes:
    """Write the headers that differ between two calls of one caller, and the end of the head."""
    return f"x-request-id: {call.request_id}\r\nx-call-id: {call.call_id}\r\n\r\n".encode("latin-1")
