"""An answer as it stands on the wire."""

from http import HTTPStatus

from gateway.asgi import Headers

# A longer answer is passed on piece by piece.
MAX_WHOLE_BYTES = 64 * 1024

_STATUS_LINES = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode())
    for status in HTTPStatus
}


def head_bytes(status: int, common: bytes, headers: Headers) -> bytes:
    """Return status line and headers with their blank line; `common` are headers as bytes."""
    parts = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status, common]
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    parts.append(b"\r\n")
    return b"".join(parts)


def answer_bytes(status: int, common: bytes, headers: Headers, body: bytes) -> bytes:
    """Return a whole answer; the length of its body is among the headers, or said by `status`."""
    return head_bytes(status, common, headers) + body
