"""One connection to a worker: writes a request, parses its response, holds back either side."""

import asyncio
from collections.abc import Callable
from typing import cast

from httptools import HttpParserError, HttpResponseParser

from gateway.forwarding.errors import ClosedWhileIdle, UpstreamFailed

HIGH_WATER_BYTES = 256 * 1024
MAX_HEAD_BYTES = 64 * 1024
BODILESS = frozenset({204, 304})


class UpstreamConnection(asyncio.Protocol):
    """An HTTP/1.1 client connection that carries one exchange at a time.

    Stricter than the standard asks: a response without Content-Length or chunked framing is an
    error, because its end cannot be told from a worker's death.
    """

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._write_paused = False
        self._read_paused = False
        self.closed = False
        self.listener: Callable[[], None] | None = None
        """Called, if set, whenever there is more of the response, its end or an error."""
        self.take_whole: Callable[[bytes], bool] | None = None
        """Asked, if set, with the first bytes of a response: True when they are all of it, known
        without parsing, and the connection may carry another exchange."""
        self.exchanges = 0
        self.idle_since = 0.0
        self._reset(head_request=False, active=False)

    def _reset(self, *, head_request: bool, active: bool) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False
        self.reusable = False
        self._active = active
        self._head_request = head_request
        self._head_done = False
        self._head_bytes = 0
        self._answered = False
        self._informational = False
        self._lengths = 0
        self._encodings = 0
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._error: Exception | None = None

    # The exchange, called by the gateway.

    def begin(self, *, data: bytes, head_request: bool) -> None:
        """Start an exchange by writing `data`: the request's head and what is known of its body."""
        self._reset(head_request=head_request, active=True)
        self.exchanges += 1
        if self.closed or self._transport is None:
            self._error = self._lost_before_answer()
            return
        self._transport.write(data)

    async def write(self, data: bytes) -> None:
        """Write more of the request's body, waiting while the worker does not read.

        Raises:
            UpstreamFailed: the worker closed the connection.
        """
        if self.closed or self._transport is None:
            raise UpstreamFailed("the worker closed the connection during the request")
        self._transport.write(data)
        if self._write_paused:
            self._writer = asyncio.get_running_loop().create_future()
            try:
                await self._writer
            finally:
                self._writer = None

    async def response_head(self) -> None:
        """Wait until `status` and `headers` hold the response's head.

        Raises:
            UpstreamFailed: the worker closed the connection or broke the protocol.
        """
        while not self._head_done:
            await self._wait()

    @property
    def error(self) -> Exception | None:
        """What ended the exchange, if anything has."""
        return self._error

    @property
    def head_done(self) -> bool:
        """Whether `status` and `headers` are there."""
        return self._head_done

    @property
    def announced_bytes(self) -> int | None:
        """The length of the body as the response's head says it; None if it does not."""
        for name, value in self.headers:
            if name == b"content-length":
                return int(value)
        return None

    @property
    def has_more(self) -> bool:
        """Whether `next_chunk` has, or may still get, bytes of the body."""
        return bool(self._chunks) or not self.complete

    async def next_chunk(self) -> bytes:
        """Return the body bytes received since the last call; empty at the end of the body.

        Raises:
            UpstreamFailed: the body is truncated or badly framed.
        """
        while not self._chunks:
            if self.complete:
                return b""
            await self._wait()
        return self.take_received()

    def take_received(self) -> bytes:
        """Return the body bytes received since the last time, without waiting for any."""
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        if self._read_paused and self._transport is not None:
            self._read_paused = False
            self._transport.resume_reading()
        return data

    def fail(self, error: Exception) -> None:
        """End the exchange with `error`: whoever waits for the response receives it."""
        if self._error is None and not self.complete:
            self._error = error
        self._wake()

    def finish(self) -> bool:
        """Leave the exchange; return whether the connection may carry another one."""
        clean = self.complete and self.reusable and not self.closed and not self._chunks
        self._active = False
        return clean

    def close(self) -> None:
        """Close at once; what was not written is dropped."""
        self._active = False
        if self._transport is not None and not self.closed:
            self._transport.abort()
        self.closed = True

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        self._reader = asyncio.get_running_loop().create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    def _wake(self) -> None:
        if self.listener is not None:
            self.listener()
        elif self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _lost_before_answer(self) -> UpstreamFailed:
        if self.exchanges > 1:
            return ClosedWhileIdle("the worker closed a kept connection")
        return UpstreamFailed("the worker closed the connection before it answered")

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do all that asyncio.Transport does without being one.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self._active or self.complete:
            # Bytes nobody asked for: the next response on this connection could not be trusted.
            self.close()
            return
        if not self._answered:
            self._answered = True
            if self.take_whole is not None and self.take_whole(data):
                self._head_done = self.complete = self.reusable = True
                self._wake()
                return
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self.reusable = False
            cause = error.__context__
            reason = cause if isinstance(cause, UpstreamFailed) else error
            self.fail(UpstreamFailed(f"the worker's response is malformed: {reason}"))
            return
        if not self._head_done:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.fail(UpstreamFailed("the head of the worker's response is too large"))
                return
        if self._buffered > HIGH_WATER_BYTES and not self._read_paused and not self.complete:
            assert self._transport is not None
            self._read_paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._active and not self.complete:
            if not self._answered:
                self.fail(self._lost_before_answer())
            else:
                self.fail(UpstreamFailed("the worker's response is truncated"))
        self.resume_writing()

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    # The parser's side.

    def on_message_begin(self) -> None:
        if self.complete:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_done or self.complete:
            # A trailer, or the head of something nobody asked for.
            return
        name = name.lower()
        if name == b"content-length":
            self._lengths += 1
        elif name == b"transfer-encoding":
            if value.strip().lower() != b"chunked":
                raise UpstreamFailed("a transfer coding other than chunked")
            self._encodings += 1
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.complete:
            return
        self.status = self._parser.get_status_code()
        if self.status < 200:
            if self.status == 101:
                raise UpstreamFailed("an upgrade that nobody asked for")
            self._informational = True
            return
        if self._lengths + self._encodings > 1:
            raise UpstreamFailed("more than one framing of the body")
        if self._head_request:
            # The parser cannot be told that no body follows, so it ends with this exchange.
            self.complete = True
        elif self._lengths + self._encodings == 0 and self.status not in BODILESS:
            raise UpstreamFailed("a body without framing")
        self._head_done = True

    def on_body(self, body: bytes) -> None:
        if not self.complete:
            self._chunks.append(body)
            self._buffered += len(body)

    def on_message_complete(self) -> None:
        if self._informational:
            self._informational = False
            self.headers = []
            self._lengths = self._encodings = 0
            return
        if not self.complete:
            self.complete = True
            self.reusable = self._parser.should_keep_alive()
