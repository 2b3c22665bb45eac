"""One connection to a Redis: one caller at a time, replies parsed by hiredis."""

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
        self._waiting: asyncio.Future[list[object]] | None = None
        self._told: list[object] = []
        self._count = 0
        self._ended = asyncio.Event()

    @property
    def usable(self) -> bool:
        """Whether a command can be sent now."""
        return self._transport is not None and self._waiting is None

    async def ask(self, packed: bytes, *, replies: int = 1) -> list[object]:
        """Send packed commands, return as many replies; an error's is a `hiredis.ReplyError`.

        Raises:
            LineLost: no reply will come.
        """
        if self._transport is None:
            raise LineLost("the connection is closed")
        self._waiting = asyncio.get_running_loop().create_future()
        self._told, self._count = [], replies
        self._transport.write(packed)
        told = await self._waiting
        self._waiting = None
        return told

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
            while (reply := self._replies.gets()) is not ...:
                self._take(reply)
        except hiredis.ProtocolError as error:
            self._fail(LineLost(f"the server does not speak Redis: {error}"))
            self.close()

    def _take(self, reply: object) -> None:
        if self._waiting is None or self._waiting.done():
            # A reply that nobody waits for: which command the next one answers cannot be known.
            self.close()
            return
        self._told.append(reply)
        if len(self._told) == self._count:
            self._waiting.set_result(self._told)

    def _fail(self, error: LineLost) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
