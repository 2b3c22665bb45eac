"""The kept connections of one worker, few and young."""

import asyncio
from collections import deque

from gateway.forwarding.connection import UpstreamConnection
from gateway.forwarding.errors import ConnectFailed, UpstreamFailed

# Far below the keep-alive of a worker, so that the side that sends is the one to close.
IDLE_S = 30.0
CONNECT_TIMEOUT_S = 1.0


class ConnectionPool:
    """Connections to the unix socket `path`: at most `max_total`, at most `max_idle` kept."""

    def __init__(self, path: str, *, max_total: int, max_idle: int = 64) -> None:
        self._path = path
        self._now = asyncio.get_running_loop().time
        self._max_total = max_total
        self._max_idle = max_idle
        self._idle: deque[UpstreamConnection] = deque()
        self._in_use: set[UpstreamConnection] = set()
        self._connecting = 0
        self._closed = False

    async def acquire(self, *, fresh: bool = False) -> UpstreamConnection:
        """Return a connection for one exchange; `fresh` asks for one that never carried any.

        Raises:
            ConnectFailed: nobody listens on the socket, or not within the connect deadline.
            UpstreamFailed: all `max_total` connections are in use.
        """
        if not fresh and (kept := self.take_kept()) is not None:
            return kept
        if len(self._in_use) + self._connecting >= self._max_total:
            raise UpstreamFailed("every connection to the worker is in use")
        self._connecting += 1
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                loop = asyncio.get_running_loop()
                _, connection = await loop.create_unix_connection(UpstreamConnection, self._path)
        except OSError as error:
            raise ConnectFailed(f"no worker accepts connections: {error}") from error
        finally:
            self._connecting -= 1
        self._in_use.add(connection)
        return connection

    def take_kept(self) -> UpstreamConnection | None:
        """Return a kept connection for one exchange, at once; None if there is none."""
        if (kept := self._take_kept()) is not None:
            self._in_use.add(kept)
        return kept

    def release(self, connection: UpstreamConnection) -> None:
        """Give a connection back; it is kept only after a clean exchange, closed otherwise."""
        self._in_use.discard(connection)
        if not connection.finish() or self._closed or len(self._idle) >= self._max_idle:
            connection.close()
            return
        connection.idle_since = self._now()
        self._idle.append(connection)

    def close(self) -> None:
        """Keep nothing any more; exchanges under way end by themselves."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _take_kept(self) -> UpstreamConnection | None:
        oldest = self._now() - IDLE_S
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed and connection.idle_since >= oldest:
                return connection
            connection.close()
        return None
