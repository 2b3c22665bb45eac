"""One connection to a Redis: a command at a time, its reply parsed by hiredis."""

import asyncio
from typing import cast

import hiredis


class LineLost(ConnectionError):
    """The connection ended; a command under way may have been carried out."""


class RedisLine(asyncio.Protocol):
    """A line whose command was left before its reply must be closed, not used again."""

    def __init__(self) -> None:
        self._replies = hiredis.Reader(notEnoughData=...)
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[object] | None = None
        self._ended = asyncio.Event()

    @property
    def usable(self) -> bool:
        """Whether a command can be sent now."""
        return self._transport is not None and self._waiting is None

    async def ask(self, packed: bytes) -> object:
        """Send a packed command and return the reply; an error's is a `hiredis.ReplyError`.

        Raises:
            LineLost: no reply will come.
        """
        if self._transport is None:
            raise LineLost("the connection is closed")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(packed)
        reply = await self._waiting
        self._waiting = None
        return reply

    def close(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    async def wait_closed(self) -> None:
        """Wait until a closed connection's socket is gone."""
        await self._ended.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do all that asyncio.Transport does without being one.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._ended.set()
        self._fail(LineLost(str(exc or "the server closed the connection")))

    def data_received(self, data: bytes) -> None:
        self._replies.feed(data)
        try:
            reply = self._replies.gets()
        except hiredis.ProtocolError as error:
            self._fail(LineLost(f"the server does not speak Redis: {error}"))
            self.close()
            return
        if reply is ...:
            return
        if self._waiting is None or self._waiting.done():
            # A reply that nobody waits for: which command the next one answers cannot be known.
            self.close()
            return
        self._waiting.set_result(reply)

    def _fail(self, error: LineLost) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
