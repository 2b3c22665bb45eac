"""The registry of a zone below headquarters, as mdms's routes ask for it."""

from collections.abc import Sequence
from typing import Any, Final

from functions.mdms.downlink import first_version, nothing_newer, rules_in
from functions.mdms.meter_schema import DownlinkPage
from functions.mdms.registry_cache import RegistryCache
from storage.hot.registry import MeterRegistry
from storage.hot.rules import HotRules
from storage.model.meter import Meter, RegistryPosition

_AT_ONCE: Final = 5_000
_MOST_AT_A_POINT: Final = 10_000


class ZoneBook:
    """`MeterBook` over the zone's copy: meters by name from memory, the rest by index."""

    def __init__(self, cache: RegistryCache, copy: MeterRegistry, rules: HotRules) -> None:
        self._cache = cache
        self._copy = copy
        self._rules = rules

    async def get(self, meter_id: str) -> Meter | None:
        """See `MeterBook.get`."""
        return await self._cache.get(meter_id)

    async def some(self, meter_ids: Sequence[str]) -> list[Meter]:
        """See `MeterBook.some`."""
        return await self._cache.some(meter_ids)

    async def page(self, *, after: str, limit: int) -> list[Meter]:
        """See `MeterBook.page`."""
        return await self._copy.page(after=after, limit=limit)

    async def of_group(
        self, *, feeder: str | None = None, transformer: str | None = None, limit: int
    ) -> list[Meter]:
        """See `MeterBook.of_group`; where there are more than `limit`, any of them."""

        def belongs(meter: Meter) -> bool:
            return not meter.is_virtual and (feeder is None or meter.feeder == feeder)

        if transformer is not None:
            found = await self._copy.indexes.labelled(
                "transformer", transformer, most=limit, such_as=belongs
            )
        elif feeder is not None:
            found = await self._copy.indexes.labelled("feeder", feeder, most=limit, such_as=belongs)
        else:
            found = await self._first(limit)
        return found[:limit]

    async def at_service_point(self, service_point: str, *, limit: int) -> list[Meter]:
        """See `MeterBook.at_service_point`."""
        found = await self._copy.indexes.labelled(
            "service_point", service_point, most=_MOST_AT_A_POINT
        )
        return found[:limit]

    async def history(self, meter_id: str) -> list[dict[str, Any]] | None:
        """Only headquarters keeps the history."""
        return None

    async def version(self) -> int:
        """See `MeterBook.version`."""
        return await self._cache.version()

    async def changes(
        self, *, held: RegistryPosition, limit: int, incarnation: int
    ) -> DownlinkPage:
        """See `MeterBook.changes`; the copy's own incarnation counts, which came with it."""
        own = (await self._copy.position()).incarnation
        after = first_version(held=held, incarnation=own)
        if after is None:
            return nothing_newer(own)
        changes = await self._copy.changes(after=after, limit=limit)
        incarnation, version = changes.position
        if incarnation != own:
            # Exchanged in between: of the new one the zone has nothing yet.
            return nothing_newer(own)
        rules = await self._rules.of(own)
        return DownlinkPage(
            after=after,
            version=version,
            complete=changes.complete,
            meters=changes.meters,
            incarnation=own,
            rules=rules_in(rules, after=after, version=version),
        )

    async def _first(self, limit: int) -> list[Meter]:
        found: list[Meter] = []
        last = ""
        while len(found) < limit:
            some = await self._copy.page(after=last, limit=_AT_ONCE)
            found += [meter for meter in some if not meter.is_virtual]
            if len(some) < _AT_ONCE:
                break
            last = some[-1].meter_id
        return found
