"""A function's view of its tenant's record at headquarters (tier 1), and SQL in its own schema."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

import asyncpg

from functions.runtime.readings import Readings, period_of
from storage.cold.engine import COMMAND_TIMEOUT_S, CONNECT_TIMEOUT_S
from storage.cold.pool import Pool, transaction
from storage.cold.record import PostgresRecordStore
from storage.cold.registry import PostgresMeterRegistry
from storage.model.meter import Meter
from storage.ports import StoreUnavailable

FETCH_TIMEOUT_S = 30.0
# The tenant's login has few connections for all its functions: one a worker, and not for long.
_CONNECTIONS = 1
_IDLE_S = 1.0
WAIT_S = 5.0
_AGAIN_S = 0.05

T = TypeVar("T")


class Cold:
    """Reads the tenant's record as its own login; another tenant's cannot be asked for."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._store = PostgresRecordStore(pool)
        self._registry = PostgresMeterRegistry(pool)

    async def readings(
        self, meter_id: str, register: str, *, begin: datetime, end: datetime
    ) -> Readings:
        """Return the intervals of a register that start in [begin, end), both aware.

        Raises:
            UnknownMeter, BadPeriod: see there.
            storage.ports.StoreUnavailable: no answer in time.
        """
        meter = await self.meter(meter_id)
        period = period_of(meter, meter_id=meter_id, register=register, begin=begin, end=end)
        blocks = await self._when_free(lambda: self._store.read(period.block_keys()))
        return period.readings(blocks)

    async def meter(self, meter_id: str) -> Meter | None:
        """Return a meter of the registry; None if there is no such meter.

        Raises:
            storage.ports.StoreUnavailable: no answer in time.
        """
        return await self._when_free(lambda: self._registry.get(meter_id))

    async def meters(self, *, limit: int = 1000, after: str = "") -> list[Meter]:
        """Return up to `limit` meters with ids behind `after`, by id: a page.

        Raises:
            storage.ports.StoreUnavailable: no answer in time.
        """
        return await self._when_free(lambda: self._registry.page(limit=limit, after=after))

    async def fetch(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        """Run one statement in a transaction of its own; return its rows by column name.

        `$1`, `$2` ... stand for `args`. The login may read and write the tables of the tenant's
        own schema, and nothing else.

        Raises:
            asyncpg.PostgresError: the statement was refused; nothing of it remains.
            storage.ports.StoreUnavailable: no answer in time.
        """

        async def rows() -> list[dict[str, Any]]:
            async with transaction(self._pool, within_s=FETCH_TIMEOUT_S) as connection:
                return [dict(row) for row in await connection.fetch(sql, *args)]

        return await self._when_free(rows)

    async def _when_free(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask, again while all of the login's connections are taken: others give theirs back."""
        until = time.monotonic() + WAIT_S
        while True:
            try:
                return await ask()
            except StoreUnavailable as error:
                taken = isinstance(error.__cause__, asyncpg.TooManyConnectionsError)
                if not taken or time.monotonic() > until:
                    raise
            await asyncio.sleep(_AGAIN_S)

    async def close(self) -> None:
        """Close the connections; the runtime does it."""
        self._pool.terminate()


async def open_cold(database_url: str) -> Cold:
    """Prepare a view; the connection opens on first use."""
    pool = await asyncpg.create_pool(
        database_url,
        min_size=0,
        max_size=_CONNECTIONS,
        max_inactive_connection_lifetime=_IDLE_S,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        server_settings={"application_name": "gridfaas-function"},
    )
    return Cold(pool)
