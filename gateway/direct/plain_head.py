"""Whether a request's head is a plain one: all there, nothing unusual, its body's length said."""

from dataclasses import dataclass
from urllib.parse import unquote

import httptools

from gateway.request_head import MalformedRequest, RequestHead, read_request_head, request_id_of

MAX_BODY_BYTES = 64 * 1024
_METHODS = frozenset({b"GET", b"POST", b"PUT", b"DELETE", b"PATCH"})
# With one of these a request is not one of the plain ones that are carried directly.
_UNUSUAL = frozenset({b"expect", b"transfer-encoding", b"upgrade", b"te"})
_UNUSUAL_READ = frozenset({b"x-timeout-ms", b"gridfaas-origin"})


@dataclass(slots=True, kw_only=True)
class PlainHead:
    """The head of a plain request: HTTP/1.1, kept alive, its whole length said beforehand.

    `body_bytes` follow it. `request_id` is the client's own, if it gave one.
    """

    method: str
    raw_path: bytes
    path: str
    query: bytes
    head: RequestHead
    request_id: str | None
    body_bytes: int


class _Reader:
    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.complete = True


def read_plain_head(data: bytes) -> PlainHead | None:
    """Read a head that ends with its blank line; None if it is not a plain one, or malformed."""
    reader = _Reader()
    parser = httptools.HttpRequestParser(reader)
    try:
        parser.feed_data(data)
        method = parser.get_method()
        if not reader.complete or parser.get_http_version() != "1.1" or method not in _METHODS:
            return None
        head = read_request_head(reader.headers)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade, MalformedRequest):
        return None
    unusual = any(
        name in _UNUSUAL or (name == b"connection" and value.lower() != b"keep-alive")
        for name, value in reader.headers
    )
    length = head.content_length or 0
    url = reader.url
    if (
        unusual
        or not head.read.keys().isdisjoint(_UNUSUAL_READ)
        or not parser.should_keep_alive()
        or length > MAX_BODY_BYTES
        or not url.startswith(b"/")
        or b"#" in url
        or not url.isascii()
    ):
        return None
    raw_path, _, query = url.partition(b"?")
    said = b"x-request-id" in head.read
    request_id = request_id_of(reader.headers) if said else None
    return PlainHead(
        method=method.decode("ascii"),
        raw_path=raw_path,
        path=unquote(raw_path.decode("ascii")),
        query=query,
        head=head,
        request_id=request_id,
        body_bytes=length,
    )
