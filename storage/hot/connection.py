"""The way to a zone's Redis: bounded pool, a deadline on each call, errors in our own words."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import hiredis
from redis import exceptions
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from storage.ports import StoreFull, StoreUnavailable

RETRY_AFTER_S: Final = 5
_FULL: Final = ("STOREFULL", "OOM", "MISCONF")
# A server that restarted may answer before its users and functions are provisioned again.
_NOT_YET: Final = (
    exceptions.AuthenticationError,
    exceptions.BusyLoadingError,
    exceptions.ReadOnlyError,
)

Argument = str | bytes | int
# hiredis declares a tuple of one element where it takes any number.
_pack = cast(Callable[[tuple[Argument, ...]], bytes], hiredis.pack_command)


class CommandRefused(Exception):
    """The server refused a command for what it says; sending it again changes nothing."""


class HotConnection:
    """A pool of connections of one Redis user; safe to share between tasks of one loop."""

    def __init__(self, pool: BlockingConnectionPool, deadline_s: float) -> None:
        """Use `connect` instead."""
        self._pool = pool
        self._deadline_s = deadline_s

    async def call(
        self, *command: Argument | Sequence[Argument], deadline_s: float | None = None
    ) -> object:
        """Send one command, return its reply as bytes, int, list or None; never send it twice.

        A sequence among the arguments is spread out. `deadline_s` replaces the connection's own.

        Raises:
            StoreFull: nothing was written, the server or a bound of ours has no room.
            StoreUnavailable: no connection or no answer in time; it may have been carried out.
            CommandRefused: the server answers with any other error.
        """
        packed = _pack(_flat(command))
        limit_s = self._deadline_s if deadline_s is None else deadline_s
        try:
            async with asyncio.timeout(limit_s):
                return await self._exchange(packed, limit_s)
        except TimeoutError as error:
            raise StoreUnavailable(f"the hot store gave no answer within {limit_s} s") from error

    async def aclose(self) -> None:
        """Close every connection of the pool."""
        await self._pool.disconnect()

    async def _exchange(self, packed: bytes, limit_s: float) -> object:
        try:
            connection: AbstractConnection = await cast(Any, self._pool).get_connection()
        except exceptions.RedisError as error:
            raise StoreUnavailable(f"the hot store cannot be reached: {error}") from error
        finished = False
        try:
            await connection.send_packed_command(packed, check_health=False)
            reply: object = await connection.read_response(timeout=limit_s)
            finished = True
        except exceptions.RedisError as error:
            finished = isinstance(error, exceptions.ResponseError)
            raise _translated(error) from error
        finally:
            if not finished:
                # Its answer may still arrive: nobody else may read it as theirs.
                await connection.disconnect(nowait=True)
            await self._pool.release(connection)
        return reply


def connect(redis_url: str, *, max_connections: int = 8, deadline_s: float = 5.0) -> HotConnection:
    """Prepare a pool for the user that `redis_url` names; connections open on first use.

    A call waits for a free connection within its own deadline when all are busy.
    """
    pool = BlockingConnectionPool.from_url(
        redis_url,
        max_connections=max_connections,
        timeout=deadline_s,
        socket_timeout=deadline_s,
        socket_connect_timeout=deadline_s,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        # redis-py would introduce itself with CLIENT SETINFO, which tenants may not call.
        driver_info=None,
    )
    return HotConnection(pool, deadline_s)


def _flat(command: Sequence[Argument | Sequence[Argument]]) -> tuple[Argument, ...]:
    flat: list[Argument] = []
    for part in command:
        if isinstance(part, str | bytes | int):
            flat.append(part)
        else:
            flat.extend(part)
    return tuple(flat)


def _translated(error: exceptions.RedisError) -> Exception:
    text = str(error)
    if isinstance(error, exceptions.OutOfMemoryError) or text.startswith(_FULL):
        return StoreFull(retry_after_s=RETRY_AFTER_S, what="the hot store")
    if isinstance(error, _NOT_YET) or "Function not found" in text:
        return StoreUnavailable(f"the hot store is not ready for this user: {text}")
    if isinstance(error, exceptions.ResponseError):
        return CommandRefused(text)
    return StoreUnavailable(f"the hot store did not answer: {text}")
