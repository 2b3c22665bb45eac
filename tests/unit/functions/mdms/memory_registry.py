"""A registry in memory, as a worker's cache asks for it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter

from storage.hot.registry_indexes import Changes
from storage.model.meter import Meter, RegistryPosition
from storage.ports import StoreUnavailable


class MemoryRegistry:
    """It counts how often it is asked, and can be cut off."""

    def __init__(self, *meters: Meter) -> None:
        self.meters = {one.meter_id: one for one in meters}
        self.incarnation = 0
        self.reachable = True
        self.asked = 0
        self.loads = 0
        self.looked_up: list[str] = []
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        """Happens once, after meters were read and before they are given."""

    async def position(self) -> RegistryPosition:
        self._reach()
        self.asked += 1
        newest = max((one.version for one in self.meters.values()), default=0)
        return RegistryPosition(self.incarnation, newest)

    async def count(self, incarnation: int) -> int:
        self._reach()
        # Others may go on here, as with a store that takes its time.
        await asyncio.sleep(0)
        return len(self.meters)

    async def load_all(self) -> tuple[RegistryPosition, dict[str, Meter]]:
        self.loads += 1
        return await self.position(), dict(self.meters)

    async def changes(self, *, after: int, limit: int) -> Changes:
        position = await self.position()
        newer = [one for one in self.meters.values() if one.version > after]
        ordered = sorted(newer, key=attrgetter("version"))
        if len(ordered) > limit:
            version = ordered[limit - 1].version
            return Changes(ordered[:limit], position._replace(version=version), False)
        return Changes(ordered, position, True)

    async def page(self, *, after: str, limit: int) -> list[Meter]:
        self._reach()
        return [self.meters[name] for name in sorted(self.meters) if name > after][:limit]

    async def some(self, meter_ids: Sequence[str], *, incarnation: int) -> dict[str, Meter]:
        self._reach()
        self.looked_up += meter_ids
        if incarnation != self.incarnation:
            return {}
        found = {name: self.meters[name] for name in meter_ids if name in self.meters}
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return found

    def _reach(self) -> None:
        if not self.reachable:
            raise StoreUnavailable("cut off")
