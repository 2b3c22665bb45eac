"""The client's side of a connection: uvicorn's protocol with bounds, and problems for bad bytes."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from secrets import token_hex
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

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

    def abort(self) -> None:
        """Drop the connection and what is not yet written."""
        self.cycle.disconnected = True
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_at_most(HEAD_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_at_most(None)
        super().connection_lost(exc)
        if self.on_disconnect is not None:
            self.on_disconnect()

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            return
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
