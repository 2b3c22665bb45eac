"""One request and its answer, as the ASGI application of a worker sees them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, Protocol

from functions.runtime.whole_call import STATUS_LINE

HIGH_WATER_BYTES: Final = 256 * 1024
BODILESS: Final = frozenset({204, 304})
_FAILED: Final = b"the function failed"

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

logger = logging.getLogger(__name__)


class AnswerBroken(RuntimeError):
    """The application sent something else than one whole answer."""


class Line(Protocol):
    """What an exchange asks of its connection."""

    def write(self, data: bytes) -> None:
        """Write bytes of the answer."""

    async def writable(self) -> None:
        """Wait while the peer does not read."""

    def read_on(self, more: bool) -> None:
        """Go on reading the request's body, or hold it back."""

    def answered(self, *, whole: bool) -> None:
        """The answer is over; the line may carry the next request if it was `whole`."""


class Exchange:
    """Begun with the request's head; the connection adds the body, the application the answer."""

    def __init__(self, line: Line, scope: Message) -> None:
        self.scope = scope
        self.answered = False
        self._line = line
        self._parts: list[bytes] = []
        self._held = 0
        self._received = False
        self._delivered = False
        self._gone = False
        self._waiter: asyncio.Future[None] | None = None
        self._head: list[bytes] | None = None
        self._started = False
        self._written = False
        self._chunked = False
        self._left = 0

    # The connection's side.

    def body(self, data: bytes) -> None:
        """Take a piece of the request's body; what comes after the answer is dropped."""
        if self.answered:
            return
        self._parts.append(data)
        self._held += len(data)
        if self._held > HIGH_WATER_BYTES:
            self._line.read_on(False)
        self._wake()

    def end(self) -> None:
        """The request is whole."""
        self._received = True
        self._wake()

    def gone(self) -> None:
        """The peer has left: nobody reads the answer."""
        self._gone = True
        self._wake()

    async def run(self, app: App) -> None:
        """Have the application answer; what it raises ends here, logged."""
        try:
            await app(self.scope, self.receive, self.send)
            if not (self.answered or self._gone):
                raise AnswerBroken("the application returned without a whole answer")
        except Exception:
            # The edge of the process: a function's error must not end its worker.
            logger.exception("the application failed")
            self._fail()

    def _fail(self) -> None:
        if self.answered or self._gone:
            return
        self.answered = True
        if not self._written:
            self._line.write(
                b"%bcontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
                % (STATUS_LINE[500], len(_FAILED), _FAILED)
            )
        self._line.answered(whole=False)

    # The application's side.

    async def receive(self) -> Message:
        """Return the next piece of the body; after its end, word that nobody waits any more."""
        while not self._parts and not self._gone and not self.answered:
            if self._received and not self._delivered:
                break
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._gone or self.answered:
            return {"type": "http.disconnect"}
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        if self._held > HIGH_WATER_BYTES:
            self._line.read_on(True)
        self._held = 0
        self._delivered = self._received
        return {"type": "http.request", "body": body, "more_body": not self._received}

    async def send(self, message: Message) -> None:
        """Take the head of the answer, then pieces of its body; head and first piece go together.

        Raises:
            AnswerBroken: the messages are out of order, or the body is not as long as announced.
        """
        kind = message["type"]
        if self._gone:
            return
        if not self._started:
            if kind != "http.response.start" or self._head is not None:
                self._begin_body(kind)
            else:
                self._head = self._lines(message)
                return
        if kind != "http.response.body" or self.answered:
            raise AnswerBroken(f"{kind} is out of order")
        self._write_body(message.get("body", b""), more=message.get("more_body", False))
        await self._line.writable()

    def _begin_body(self, kind: str) -> None:
        if kind != "http.response.body" or self._head is None:
            raise AnswerBroken(f"{kind} is out of order")
        self._started = True

    def _lines(self, message: Message) -> list[bytes]:
        status: int = message["status"]
        lines = [STATUS_LINE.get(status) or b"HTTP/1.1 %d \r\n" % status]
        framed = False
        for name, value in message.get("headers", ()):
            lines += (name, b": ", value, b"\r\n")
            if len(name) == 14 and name.lower() == b"content-length":
                self._left, framed = int(value), True
            elif len(name) == 17 and name.lower() == b"transfer-encoding":
                self._chunked = framed = True
        if self.scope["method"] == "HEAD" or status in BODILESS:
            self._left, self._chunked = -1, False
        elif not framed:
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        return lines

    def _write_body(self, data: bytes, *, more: bool) -> None:
        pieces, self._head = self._head or [], None
        if self._chunked:
            if data:
                pieces += (b"%x\r\n" % len(data), data, b"\r\n")
            if not more:
                pieces.append(b"0\r\n\r\n")
        elif self._left >= 0:
            self._left -= len(data)
            if self._left < 0 or (self._left and not more):
                raise AnswerBroken("the body is not as long as its Content-Length")
            pieces.append(data)
        if pieces:
            self._written = True
            self._line.write(b"".join(pieces))
        if not more:
            self.answered = True
            self._wake()
            self._line.answered(whole=True)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
