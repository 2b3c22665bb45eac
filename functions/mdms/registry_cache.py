"""What a worker holds of the registry: all of a small one, of a large one what is asked for."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from functions.mdms.known_meters import KnownMeters
from functions.mdms.meter_table import MeterTable
from storage.hot.registry_indexes import Changes
from storage.model.meter import Meter, RegistryPosition
from storage.ports import StoreUnavailable

RECHECK_S: Final = 0.05
"""Unknown meters may ask for the version this often, so that they cannot flood the store."""
MOST_HELD: Final = 200_000
MOST_CHANGES: Final = 5_000
"""Beyond as many changes the registry is read anew, or what was remembered is forgotten."""
METERS_A_PART: Final = 5_000

logger = logging.getLogger(__name__)


class RegistrySource(Protocol):
    """Where a zone reads its meters from: `storage.hot.registry.MeterRegistry`.

    Each call may raise StoreUnavailable: no answer before the deadline.
    """

    async def position(self) -> RegistryPosition: ...
    async def count(self, incarnation: int) -> int: ...
    async def load_all(self) -> tuple[RegistryPosition, dict[str, Meter]]: ...
    async def changes(self, *, after: int, limit: int) -> Changes: ...
    async def page(self, *, after: str, limit: int) -> list[Meter]: ...
    async def some(self, meter_ids: Sequence[str], *, incarnation: int) -> dict[str, Meter]: ...


@dataclass(frozen=True, slots=True)
class _Held:
    """What is known at a position: the whole registry, or no `table` when it is a large one."""

    position: RegistryPosition
    table: MeterTable | None


class RegistryCache:
    """Gives the newest `MeterTable` that a bounded rate of version checks allows.

    Of at most `most` meters all are held. Of more, those of a call are looked up, and at most
    `most` of them are remembered.
    """

    def __init__(
        self,
        source: RegistrySource,
        *,
        check_s: float,
        most: int = MOST_HELD,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._check_s = check_s
        self.most: Final = most
        self._clock = clock
        self._held: _Held | None = None
        self._known = KnownMeters(most)
        self._checked_at = 0.0
        self._refreshing = asyncio.Lock()

    async def of(self, meter_ids: Sequence[str]) -> MeterTable:
        """A table that knows what is registered of `meter_ids`, checked `check_s` ago at most.

        Raises:
            StoreUnavailable: it is not held here and cannot be read now.
        """
        return await self._table_of(await self._not_older_than(self._check_s), meter_ids)

    async def recheck(self, meter_ids: Sequence[str], *, seen: MeterTable) -> MeterTable:
        """The registry as it is now (bounded by `RECHECK_S`): ask before refusing a meter.

        That is `seen` itself when nothing has changed since.

        Raises:
            StoreUnavailable: as `of`.
        """
        held = await self._not_older_than(min(RECHECK_S, self._check_s))
        return seen if held.position == seen.position else await self._table_of(held, meter_ids)

    async def get(self, meter_id: str) -> Meter | None:
        """The meter of that name, if the registry knows it; errors as `of`."""
        held = await self._not_older_than(self._check_s)
        if held.table is not None:
            return held.table.get(meter_id)
        return (await self._looked_up(held, [meter_id])).get(meter_id)

    async def some(self, meter_ids: Sequence[str]) -> list[Meter]:
        """Those of the meters that the registry knows, in their order; errors as `of`."""
        held = await self._not_older_than(self._check_s)
        if held.table is not None:
            found = map(held.table.get, meter_ids)
        else:
            found = map((await self._looked_up(held, meter_ids)).get, meter_ids)
        return [meter for meter in found if meter is not None]

    async def version(self) -> int:
        """Version of the last change; errors as `of`."""
        return (await self._not_older_than(min(RECHECK_S, self._check_s))).position.version

    async def parts(self, meter_ids: Sequence[str]) -> AsyncIterator[tuple[slice, MeterTable]]:
        """Tables that together know `meter_ids`, each with its part of them; errors as `of`."""
        held = await self._not_older_than(self._check_s)
        if held.table is not None:
            yield slice(0, len(meter_ids)), held.table
            return
        for begin in range(0, len(meter_ids), METERS_A_PART):
            part = slice(begin, min(begin + METERS_A_PART, len(meter_ids)))
            yield part, await self.of(meter_ids[part])

    async def every(self) -> AsyncGenerator[Sequence[Meter]]:
        """All meters, by id, some at a time; errors as `of`."""
        held = await self._not_older_than(self._check_s)
        if held.table is not None:
            yield held.table.all()
            return
        last = ""
        while some := await self._source.page(after=last, limit=METERS_A_PART):
            yield some
            last = some[-1].meter_id

    async def _table_of(self, held: _Held, meter_ids: Sequence[str]) -> MeterTable:
        if held.table is not None:
            return held.table
        found = await self._looked_up(held, meter_ids)
        incarnation, version = held.position
        return MeterTable(found.values(), version=version, incarnation=incarnation)

    async def _looked_up(self, held: _Held, meter_ids: Sequence[str]) -> dict[str, Meter]:
        found, missing = self._known.find(meter_ids)
        if missing:
            read = await self._source.some(missing, incarnation=held.position.incarnation)
            # What has changed meanwhile may have been read as it was before.
            if self._held is held:
                self._known.put(read)
            found |= read
        return found

    async def _not_older_than(self, age_s: float) -> _Held:
        held = self._held
        if held is not None and self._clock() - self._checked_at < age_s:
            return held
        async with self._refreshing:
            held = self._held
            if held is not None and self._clock() - self._checked_at < age_s:
                return held
            try:
                held = await self._refreshed(held)
            except StoreUnavailable:
                if held is None:
                    raise
                # Readings of known meters need not wait for the registry.
                logger.warning("the registry cannot be checked; version %d stays", held.position[1])
            self._held = held
            self._checked_at = self._clock()
            return held

    async def _refreshed(self, held: _Held | None) -> _Held:
        position = await self._source.position()
        if held is not None:
            if position == held.position:
                return held
            changes = await self._changes_since(held.position, position)
            if changes is not None:
                return self._followed(held, changes)
        return await self._read_anew(position)

    async def _changes_since(
        self, held: RegistryPosition, position: RegistryPosition
    ) -> Changes | None:
        """What has changed, None when that is too much to be told."""
        few = position.version - held.version <= MOST_CHANGES
        if held.incarnation != position.incarnation or not few:
            return None
        changes = await self._source.changes(after=held.version, limit=MOST_CHANGES)
        same = changes.position.incarnation == held.incarnation
        return changes if same and changes.position.version > held.version else None

    def _followed(self, held: _Held, changes: Changes) -> _Held:
        if held.table is None:
            self._known.change(changes.meters)
            return _Held(changes.position, None)
        table = held.table.with_changes(changes.meters, version=changes.position.version)
        return _Held(changes.position, table if len(table) <= self.most else None)

    async def _read_anew(self, position: RegistryPosition) -> _Held:
        table: MeterTable | None = None
        if await self._source.count(position.incarnation) <= self.most:
            position, meters = await self._source.load_all()
            incarnation, version = position
            table = MeterTable(meters.values(), version=version, incarnation=incarnation)
        # Last, as others look up meters meanwhile. Those of before are told of no changes.
        self._known.clear()
        return _Held(position, table)
