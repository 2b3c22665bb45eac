"""One request carried to a worker and its response begun, with the rule for trying again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType

from gateway.forwarding.connection import UpstreamConnection
from gateway.forwarding.errors import ClosedWhileIdle
from gateway.forwarding.pool import ConnectionPool

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamRequest:
    """A request ready for the wire.

    `head` ends with its blank line and states the framing; `body` is what is in hand, `rest` what
    still comes from the client (None when `body` is all of it), sent in chunks when `chunked`.
    `repeatable`: its sender declared that doing it twice is the same as doing it once.
    """

    method: str
    head: bytes
    body: bytes
    rest: AsyncIterator[bytes] | None
    chunked: bool
    repeatable: bool = False

    @property
    def may_repeat(self) -> bool:
        """Whether a second sending is possible (nothing was consumed) and harmless."""
        return self.rest is None and (self.repeatable or self.method in IDEMPOTENT)


class Exchange:
    """A request under way on a connection of `pool`; use as an async context manager.

    A connection that the worker had closed by the time of writing is replaced without further
    thought: nothing was sent. Where a kept connection closes after the request was written and
    before any byte of the answer, the worker may or may not have acted, so the request is sent
    once more only if it `may_repeat`; a POST without an idempotency key is answered as failed
    instead, and its sender decides.
    """

    def __init__(self, pool: ConnectionPool, request: UpstreamRequest) -> None:
        self._pool = pool
        self._request = request
        self._pump: asyncio.Task[None] | None = None
        self._connection: UpstreamConnection | None = None

    async def __aenter__(self) -> UpstreamConnection:
        """Send the request and wait for the response's head.

        Raises:
            ConnectFailed: nothing was sent.
            UpstreamFailed: the worker closed or broke the protocol.
        """
        try:
            try:
                return await self._attempt(fresh=False)
            except ClosedWhileIdle:
                if not self._request.may_repeat:
                    raise
                self._leave()
                return await self._attempt(fresh=True)
        except BaseException:
            self._leave()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    async def _attempt(self, *, fresh: bool) -> UpstreamConnection:
        connection = await self._pool.acquire(fresh=fresh)
        self._connection = connection
        request = self._request
        in_hand = request.body
        if request.chunked and in_hand:
            in_hand = b"%x\r\n%b\r\n" % (len(in_hand), in_hand)
        connection.begin(data=request.head + in_hand, head_request=request.method == "HEAD")
        if request.rest is not None:
            self._pump = asyncio.create_task(self._send_rest(connection, request.rest))
        await connection.response_head()
        return connection

    async def _send_rest(self, connection: UpstreamConnection, rest: AsyncIterator[bytes]) -> None:
        """Carry the client's stream; its failure is the failure of the whole exchange."""
        chunked = self._request.chunked
        try:
            async for data in rest:
                await connection.write(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
            if chunked:
                await connection.write(b"0\r\n\r\n")
        except Exception as error:  # noqa: BLE001 - handed on to whoever waits for the response
            connection.fail(error)

    def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._pump is not None and not self._pump.done():
            # The worker answered without wanting the rest: the connection is mid-request.
            self._pump.cancel()
            connection.reusable = False
        self._pump = None
        self._pool.release(connection)
