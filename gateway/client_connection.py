"""The client's side of a connection: uvicorn's protocol with bounds, and problems for bad bytes.

Plain calls do not go through it at all: see `gateway.direct`.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from secrets import token_hex
from typing import Any, ClassVar

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.direct.door import DirectDoor, UnderWay
from gateway.joined_answer import JoinedAnswer
from gateway.problems import problem_body

MAX_HEAD_BYTES = 32 * 1024
HEAD_TIMEOUT_S = 10.0
# What a client may still send of a body after its answer, before we stop listening.
MAX_UNREAD_BYTES = 16 * 1024 * 1024
UNREAD_TIMEOUT_S = 10.0
LINGER_S = 1.0

MALFORMED = (400, "malformed-request", "the request is not valid HTTP/1.1")
NO_UPGRADE = (400, "malformed-request", "no other protocol is spoken here")
HEAD_TOO_LARGE = (431, "headers-too-large", "the line and headers of the request are too large")

EXTENSION = "gridfaas.client"


class RequestRefused(Exception):
    """Raised through the parser to end a connection; the answer is chosen before."""


class ClientConnection(HttpToolsProtocol):
    """Gives the application, as `scope["extensions"][EXTENSION]`, a word about its client.

    `on_disconnect` is called when the client goes; `abort` ends the connection, so that an
    answer that breaks off is never taken for a whole one.
    """

    # The headers that the server gives every answer, anew each second, and their lines.
    _common: ClassVar[tuple[object, bytes]] = (None, b"")

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.on_disconnect: Callable[[], None] | None = None
        self._in_head = False
        self._message_ended = True
        self._head_bytes = 0
        self._unread_bytes = 0
        self._patience: asyncio.TimerHandle | None = None
        self._answer = MALFORMED
        self._lingering = False
        self._direct: UnderWay | None = None
        self._held = b""
        self._ending = False
        self._served_at = 0.0
        self._kept_alive: asyncio.TimerHandle | None = None

    def abort(self) -> None:
        """Drop the connection and what is not yet written."""
        if self.cycle is not None:
            self.cycle.disconnected = True
        self.transport.abort()

    def shutdown(self) -> None:
        if self._direct is None:
            super().shutdown()
        else:
            self._ending = True

    # A direct call's side.

    def answered(self, data: bytes) -> None:
        """Write the whole answer of the call under way; the next request may come."""
        self._direct = None
        if self.transport.is_closing():
            return
        self.transport.write(data)
        if self._ending:
            self.transport.close()
            return
        self._served_at = self.loop.time()
        if self._kept_alive is None:
            self._keep_alive_for(self.timeout_keep_alive)
        self._go_on()

    def date_line(self) -> bytes:
        """Return the headers that every answer has, with their line ends."""
        said = self.server_state.default_headers
        if ClientConnection._common[0] is not said:
            lines = b"".join(b"%b: %b\r\n" % pair for pair in said)
            ClientConnection._common = (said, lines)
        return ClientConnection._common[1]

    def carry_in_general(self, data: bytes) -> None:
        """Take a request the general way after all."""
        self._direct = None
        self._received(data)
        self._go_on()

    async def send_some(self, data: bytes) -> None:
        """Write a piece of an answer, and wait while the client does not read."""
        self.transport.write(data)
        await self.flow.drain()

    def _go_on(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self.transport.resume_reading()
            self.data_received(held)

    def _keep_alive_for(self, seconds: float) -> None:
        self._kept_alive = self.loop.call_later(seconds, self._end_if_idle)

    def _end_if_idle(self) -> None:
        self._kept_alive = None
        if self.timeout_keep_alive_task is not None or self._under_way() or self._in_head:
            # The general way has its own clocks.
            return
        left = self._served_at + self.timeout_keep_alive - self.loop.time()
        if self._direct is not None:
            self._keep_alive_for(self.timeout_keep_alive)
        elif left > 0:
            self._keep_alive_for(left)
        else:
            self.transport.close()

    # The transport's side.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_at_most(HEAD_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_at_most(None)
        if self._kept_alive is not None:
            self._kept_alive.cancel()
        super().connection_lost(exc)
        if self._direct is not None:
            self._direct.client_gone()
        if self.on_disconnect is not None:
            self.on_disconnect()

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            return
        if self._direct is not None:
            # The next request, before this one has its answer: it has to wait.
            self._held += data
            self.transport.pause_reading()
            return
        door: DirectDoor | None = self.app.door
        if (
            door is not None
            and self._message_ended
            and not self._under_way()
            and not self.pipeline
            and not self.flow.write_paused
        ):
            self._direct = door.take(self, data)
            if self._direct is not None:
                if self._patience is not None:
                    self._wait_at_most(None)
                self._unset_keepalive_if_required()
                return
        self._received(data)

    def _received(self, data: bytes) -> None:
        before = self._head_bytes
        super().data_received(data)
        if self._in_head and not self._lingering:
            # The parser shows a header only once it is whole: count what came, too.
            self._head_bytes = max(self._head_bytes, before + len(data))
            if self._head_bytes > MAX_HEAD_BYTES:
                self._answer = HEAD_TOO_LARGE
                self.send_400_response("")
            elif self._patience is None and not self._under_way():
                self._wait_at_most(HEAD_TIMEOUT_S)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._message_ended = False
        self._head_bytes = 0
        self._unread_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            # A trailer must not become a header of a request that is already judged.
            return
        self._count_head(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            self._answer = NO_UPGRADE
            raise RequestRefused
        self._in_head = False
        self._wait_at_most(None)
        self.scope["extensions"] = {EXTENSION: self}  # type: ignore[dict-item]
        super().on_headers_complete()
        cycle = self.cycle
        # The application has not run yet: its task was only made just now.
        cycle.transport = answer = JoinedAnswer(
            self.transport, started=lambda: cycle.response_started
        )

        def complete() -> None:
            answer.flush()
            self.on_response_complete()

        cycle.on_response = complete

    def on_body(self, body: bytes) -> None:
        if self.cycle.response_complete:
            self._unread_bytes += len(body)
            if self._unread_bytes > MAX_UNREAD_BYTES:
                self.abort()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._message_ended = True
        self._wait_at_most(None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._message_ended:
            self._wait_at_most(UNREAD_TIMEOUT_S)

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no request, unless an answer is under way.

        The base class calls this for every error of the parser. The connection is closed after
        the client had time to read: closing at once, with its bytes unread, would reset it.
        """
        under_way = self._under_way()
        if under_way and (self._message_ended or self._in_head):
            # Rubbish behind a whole request: that one still gets its answer, then all ends.
            self._lingering = True
            self.cycle.keep_alive = False
            return
        if under_way:
            if self.cycle.response_started:
                self.abort()
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._lingering = True
        status, slug, detail = self._answer
        body = problem_body(status=status, slug=slug, detail=detail, request_id=token_hex(16))
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: application/problem+json\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%b"
            % (status, HTTPStatus(status).phrase.encode(), len(body), body)
        )
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._wait_at_most(LINGER_S)

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            self._answer = HEAD_TOO_LARGE
            raise RequestRefused

    def _under_way(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait_at_most(self, seconds: float | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if seconds is not None:
            self._patience = self.loop.call_later(seconds, self.transport.abort)
