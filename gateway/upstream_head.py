"""The head of a request as a function's worker receives it."""

from gateway.invocation import Invocation
from gateway.request_head import RequestHead


def upstream_head(
    *, call: Invocation, head: RequestHead, target: bytes, remaining_s: float
) -> bytes:
    """Write the request line and headers, with the identity that the gateway vouches for.

    `target` is the raw path with its query. The framing is the client's: its length, or chunks.
    """
    assert call.caller is not None
    caller = call.caller
    said = (
        f" HTTP/1.1\r\nhost: {call.function}\r\n"
        f"x-gridfaas-tenant: {call.tenant}\r\n"
        f"x-gridfaas-role: {caller.role}\r\n"
        f"x-gridfaas-scopes: {' '.join(sorted(caller.scopes))}\r\n"
        f"x-gridfaas-subject: {caller.key_id}\r\n"
        f"x-request-id: {call.request_id}\r\n"
        f"x-call-id: {call.call_id}\r\n"
        f"x-gridfaas-deadline-ms: {max(1, int(remaining_s * 1000))}\r\n"
    )
    if caller.zone is not None:
        said += f"x-gridfaas-zone-credential: {caller.zone}\r\n"
    if head.chunked:
        said += "transfer-encoding: chunked\r\n"
    elif head.content_length is not None:
        said += f"content-length: {head.content_length}\r\n"
    parts = [call.method.encode(), b" ", target, said.encode("latin-1")]
    for name, value in head.forwarded:
        parts += (name, b": ", value, b"\r\n")
    parts.append(b"\r\n")
    return b"".join(parts)
