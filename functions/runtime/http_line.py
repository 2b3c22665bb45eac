"""One HTTP/1.1 connection to the zone's own gateway: a request at a time, its answer bounded."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools

READ_BYTES = 64 * 1024
MAX_HEAD_BYTES = 64 * 1024


class NoAnswer(Exception):
    """No whole answer came; `sent` unless it is certain that nothing was carried out."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer; header names are in lower case, `truncated` tells that the body went on."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool


class _Reader:
    """What the parser of one answer tells."""

    def __init__(self, max_body: int) -> None:
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.truncated = False
        self.done = False
        self.head_done = False
        self._max_body = max_body

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.head_done = True

    def on_body(self, body: bytes) -> None:
        room = self._max_body - len(self.body)
        self.body += body[:room]
        self.truncated = self.truncated or len(body) > room

    def on_message_complete(self) -> None:
        self.done = True


class HttpLine:
    """An open connection; `reusable` after an answer that left it open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.reusable = False
        self.used = False

    @property
    def open(self) -> bool:
        """Whether the gateway has not closed it while it was idle."""
        return not self._reader.at_eof() and not self._writer.is_closing()

    async def ask(
        self, head: bytes, body: bytes, *, max_body: int, bodiless: bool = False
    ) -> Answer:
        """Send a request and read its answer, keeping `max_body` bytes of it.

        `bodiless` is the answer to HEAD: its length speaks of another answer's body.

        Raises:
            NoAnswer: the connection broke, or what came is no answer.
        """
        again, self.used, self.reusable = self.used, True, False
        told = _Reader(max_body)
        parser = httptools.HttpResponseParser(told)
        received = 0
        try:
            self._writer.write(head + body)
            while not (told.done or (bodiless and told.head_done)):
                data = await self._reader.read(READ_BYTES)
                if not data:
                    # A connection that was idle may have been closed before this request came.
                    raise NoAnswer(
                        "the gateway closed the connection", sent=not (again and not received)
                    )
                received += len(data)
                parser.feed_data(data)
                if not told.head_done and received > MAX_HEAD_BYTES:
                    raise NoAnswer("the answer's head is too long", sent=True)
            self.reusable = not bodiless and bool(parser.should_keep_alive())
        except (OSError, httptools.HttpParserError) as error:
            sent = not (again and not received)
            raise NoAnswer(f"the call broke off: {error!r}", sent=sent) from error
        return Answer(
            status=parser.get_status_code(),
            headers=told.headers,
            body=bytes(told.body),
            truncated=told.truncated,
        )

    def close(self) -> None:
        """Drop it at once: whoever answers learns that nobody waits any more."""
        self._writer.transport.abort()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the gateway listens."""

    host: str
    port: int
    tls: ssl.SSLContext | None

    @classmethod
    def of(cls, url: str, *, tls: ssl.SSLContext) -> "Place":
        """Read a base URL of http or https without a path.

        Raises:
            ValueError: it is neither.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no base URL of http or https")
        secure = parts.scheme == "https"
        return cls(
            host=parts.hostname,
            port=parts.port or (443 if secure else 80),
            tls=tls if secure else None,
        )

    async def open(self, *, timeout_s: float) -> HttpLine:
        """Connect.

        Raises:
            NoAnswer: nobody listens there, or not in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return HttpLine(*await asyncio.open_connection(self.host, self.port, ssl=self.tls))
        except (OSError, TimeoutError) as error:
            raise NoAnswer(
                f"the zone's gateway cannot be reached: {error!r}", sent=False
            ) from error
