"""What the zone's store says of itself: how full it is, and whether it answers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Final, cast

import asyncpg
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.cold.stored_bytes import stored_bytes as cold_bytes
from storage.hot.connection import CommandRefused, HotConnection
from storage.hot.stored_bytes import stored_bytes as hot_bytes
from storage.ports import StoreFull, StoreUnavailable

EVERY_S: Final = 5.0
ANSWER_S: Final = 4.0

# Gauge by field of INFO.
HOT: Final = {
    "used_memory": ("hot_memory_bytes", "Memory that the hot store uses"),
    "maxmemory": ("hot_memory_limit_bytes", "Memory at which the hot store refuses writes"),
    "aof_current_size": ("hot_log_bytes", "Size of the hot store's append-only log"),
    "connected_clients": ("hot_clients", "Connections to the hot store"),
}
# Gauge by column.
COLD: Final = {
    "bytes": ("cold_bytes", "Size of the database on disk"),
    "connections": ("cold_connections", "Connections to the database server"),
    "connections_limit": ("cold_connections_limit", "Connections that it allows"),
}
_COLD_QUERY: Final = text(
    "SELECT pg_database_size(current_database()) AS bytes,"
    " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,"
    " current_setting('max_connections')::int AS connections_limit"
)

ASKING_FAILURES: Final = (
    OSError,
    TimeoutError,
    StoreUnavailable,
    StoreFull,
    CommandRefused,
    SQLAlchemyError,
    asyncpg.PostgresError,
)
"""What asking a store may end with while the store is away."""

Ask = Callable[[], Awaitable[Mapping[str, float]]]
Measure = Callable[[Collection[str]], Awaitable[Mapping[str, int]]]

logger = logging.getLogger(__name__)


class StoreFigures(Collector):
    """Gauges of one store; while it does not answer, only `..._up` says something."""

    def __init__(
        self, *, store: str, gauges: Mapping[str, tuple[str, str]], ask: Ask, measure: Measure
    ) -> None:
        """`ask` returns figures by the keys of `gauges`; absent ones are not shown.

        `measure` returns how many bytes each of the given tenants has in the store.
        """
        self.store = store
        self.measure = measure
        self._gauges = gauges
        self._ask = ask
        self._figures: Mapping[str, float] = {}

    def collect(self) -> Iterator[Metric]:
        """Give what the store said last."""
        up = float(bool(self._figures))
        yield GaugeMetricFamily(f"gridfaas_{self.store}_up", "Whether the store answers", up)
        for key, value in self._figures.items():
            name, what = self._gauges[key]
            yield GaugeMetricFamily(f"gridfaas_{name}", what, value)

    async def run(self) -> None:
        """Ask for ever; cancel to stop."""
        while True:
            await self.refresh()
            await asyncio.sleep(EVERY_S)

    async def refresh(self) -> None:
        """Ask once."""
        try:
            async with asyncio.timeout(ANSWER_S):
                figures = await self._ask()
        except ASKING_FAILURES as error:
            logger.info("the %s store says nothing of itself: %s", self.store, error)
            figures = {}
        self._figures = figures


def hot_figures(admin: HotConnection) -> StoreFigures:
    """Watch a zone's Redis as its administrator."""

    async def ask() -> Mapping[str, float]:
        reply = cast(bytes, await admin.call("INFO", "everything"))
        fields = dict(line.split(":", 1) for line in reply.decode().splitlines() if ":" in line)
        figures = {key: float(fields[key]) for key in HOT if key in fields}
        # No bound is not a bound of 0.
        return {key: value for key, value in figures.items() if key != "maxmemory" or value}

    return StoreFigures(store="hot", gauges=HOT, ask=ask, measure=partial(hot_bytes, admin))


def cold_figures(engine: AsyncEngine) -> StoreFigures:
    """Watch headquarters' PostgreSQL."""

    async def ask() -> Mapping[str, float]:
        async with engine.connect() as connection:
            row = (await connection.execute(_COLD_QUERY)).mappings().one()
        return {key: float(row[key]) for key in COLD}

    return StoreFigures(store="cold", gauges=COLD, ask=ask, measure=partial(cold_bytes, engine))
