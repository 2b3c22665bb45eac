"""A function's view of its tenant's readings in the zone's hot store (tiers 2 and 3)."""

from datetime import datetime

from functions.runtime.readings import Readings, period_of
from storage.hot.connection import HotConnection, connect
from storage.hot.registry import MeterRegistry
from storage.hot.store import RedisHotStore
from storage.model.meter import Meter

_CONNECTIONS = 2


class Hot:
    """Reads what the zone holds of this tenant; another tenant's cannot be asked for."""

    def __init__(self, connection: HotConnection, *, tenant: str, zone: str) -> None:
        self._connection = connection
        # It only reads here: nothing is accepted through it, so nothing is bounded.
        self._store = RedisHotStore(connection, slug=tenant, zone=zone, uplink_limit_bytes=0)
        self._registry = MeterRegistry(connection, slug=tenant)

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
        return period.readings(await self._store.read(period.block_keys()))

    async def meter(self, meter_id: str) -> Meter | None:
        """Return a meter as the zone's copy of the registry knows it; None if it does not.

        Raises:
            storage.ports.StoreUnavailable: no answer in time.
        """
        position = await self._registry.position()
        found = await self._registry.some([meter_id], incarnation=position.incarnation)
        return found.get(meter_id)

    async def meters(self) -> list[Meter]:
        """Return every meter of the tenant, by its id.

        Raises:
            storage.ports.StoreUnavailable: no answer in time.
        """
        _, meters = await self._registry.load_all()
        return [meters[meter_id] for meter_id in sorted(meters)]

    async def close(self) -> None:
        """Close the connections; the runtime does it."""
        await self._connection.aclose()


def open_hot(redis_url: str, *, tenant: str, zone: str) -> Hot:
    """Prepare a view; connections open on first use."""
    return Hot(connect(redis_url, max_connections=_CONNECTIONS), tenant=tenant, zone=zone)
