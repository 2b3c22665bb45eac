"""An answer as it stands on the wire."""

from http import HTTPStatus

from gateway.asgi import Headers

# A longer answer is passed on piece by piece.
MAX_WHOLE_BYTES = 64 * 1024

STATUS_LINES = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode())
    for status in HTTPStatus
}


def head_bytes(status: int, common: bytes, headers: Headers) -> bytes:
    """Return status line and headers with their blank line; `common` are headers as bytes."""
    lines = b"".join([b"%b: %b\r\n" % pair for pair in headers])
    line = STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    return b"%b%b%b\r\n" % (line, common, lines)


def answer_bytes(status: int, common: bytes, headers: Headers, body: bytes) -> bytes:
    """Return a whole answer; the length of its body is among the headers, or said by `status`."""
    return head_bytes(status, common, headers) + body
