"""One keep-alive HTTP/1.1 connection of the sender, a request at a time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast
from urllib.parse import urlsplit

import httptools

LONGEST_ANSWER_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the gateway listens."""

    host: str
    port: int
    tls: bool

    @classmethod
    def of(cls, url: str) -> "Address":
        """Read http://host:port or https://host:port.

        Raises:
            ValueError: anything else.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url}: an address such as http://127.0.0.1:8083 is needed")
        if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
            raise ValueError(f"{url}: no path, query or user belongs here")
        tls = parts.scheme == "https"
        return cls(host=parts.hostname, port=parts.port or (443 if tls else 80), tls=tls)

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def post_head(*, address: Address, path: str, headers: dict[str, str]) -> bytes:
    """Return a POST's head up to the value of Content-Length, which `post` adds.

    Raises:
        ValueError: a header would break the head apart.
    """
    fields = {"host": address.authority, **headers}
    if any(not text.isprintable() for pair in fields.items() for text in pair):
        raise ValueError("a header holds a control character")
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "content-length: "]).encode("latin-1")


def post(head: bytes, body: bytes) -> bytes:
    """Return a whole request."""
    return b"%b%d\r\n\r\n%b" % (head, len(body), body)


class Line(Protocol):
    """A way to the platform that carries one body at a time."""

    sent_at: float | None

    @property
    def usable(self) -> bool:
        """True when a body can be sent now."""

    def send(self, payload: bytes, now: float) -> None:
        """Put one body on the way; the one before must have been answered."""

    def abort(self) -> None:
        """Drop the line at once; whoever opened it is told."""


OnAnswer = Callable[[Line, int, bytes, bytes | None], None]
OnLost = Callable[[Line], None]


class Connection(asyncio.Protocol):
    """Sends a request, reports its answer to `on_answer` and the end of the line to `on_lost`.

    `on_answer` gets status, body and the Retry-After header. After `on_lost` the connection is
    of no more use; a request without an answer by then has none.
    """

    def __init__(
        self,
        *,
        on_answer: OnAnswer,
        on_lost: OnLost,
    ) -> None:
        self.sent_at: float | None = None
        self._answered = on_answer
        self._lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._chunks: list[bytes] = []
        self._size = 0
        self._retry_after: bytes | None = None
        self._complete = False
        self._broken = False
        self._status = 0
        self._keep = True

    def send(self, request: bytes, now: float) -> None:
        """Put one request on the wire; the one before must have been answered."""
        if self._transport is None or self.sent_at is not None:
            raise RuntimeError("the connection is closed or still waits for an answer")
        self.sent_at = now
        self._transport.write(request)

    def abort(self) -> None:
        """Drop the line at once; `on_lost` follows."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost(self)

    def data_received(self, data: bytes) -> None:
        if self.sent_at is None:
            # Nobody asked: the line cannot be trusted with the next request.
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._broken = True
        if self._broken:
            self.abort()
        elif self._complete:
            self._finish()

    def on_message_begin(self) -> None:
        # A second answer in one breath: which of the two is ours cannot be known.
        self._broken = self._broken or self._complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(name) == 11 and name.lower() == b"retry-after":
            self._retry_after = value

    def on_body(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > LONGEST_ANSWER_BYTES:
            self._broken = True
        else:
            self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        # Asked here: the parser forgets both when the message is over.
        self._status = self._parser.get_status_code()
        self._keep = self._parser.should_keep_alive()
        self._complete = self._status >= 200

    def _finish(self) -> None:
        status, retry_after = self._status, self._retry_after
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks, self._size, self._retry_after, self._complete = [], 0, None, False
        self.sent_at = None
        transport = self._transport
        if transport is not None and not self._keep:
            self._transport = None
            transport.close()
        self._answered(self, status, body, retry_after)

    @property
    def usable(self) -> bool:
        """True when a request can be sent now."""
        return self._transport is not None and self.sent_at is None
