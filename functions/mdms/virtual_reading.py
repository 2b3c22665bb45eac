"""Blocks of virtual meters, computed from those of their parts when they are read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.ports import Backing
from functions.mdms.provenance import BOTH, Origin, Provenance
from functions.mdms.resampling import adds_up
from functions.mdms.tiered_reading import QueryReader
from functions.mdms.virtual_meters import PartBook, part_book
from storage.model.block import PRESENT, SLOT, BlockKey
from storage.model.event_block import EventKey
from storage.model.interval_lengths import lengths_in
from storage.model.meter import Meter
from storage.model.runs import DAY_S

DERIVED: Final = 11
"""Green Button's QualityOfReading of what was computed from other readings."""
PARTS_AT_ONCE: Final = 2_000
_INT32: Final = np.iinfo(np.int32)
Slots = NDArray[np.void]


class VirtualReader:
    """A query's reader that also knows virtual meters.

    A slot has a value where every part has one: a sum of some parts is another meter's. How many
    parts lack one is told beside it. Shorter intervals of a part are put together first.
    """

    def __init__(self, reader: QueryReader, parts: PartBook) -> None:
        self._reader = reader
        self._parts = parts

    @property
    def provenance(self) -> Provenance:
        """Where the blocks came from; those of a virtual meter, where its parts came from."""
        return self._reader.provenance

    async def read(self, keys: Sequence[BlockKey]) -> Mapping[BlockKey, Slots]:
        """See `BlockReader.read`.

        Raises:
            TooManyParts: see there.
        """
        virtual = [key for key in keys if self._parts.is_virtual(key.meter_id)]
        own = [key for key in keys if not self._parts.is_virtual(key.meter_id)]
        found = dict(await self._reader.read(own)) if own else {}
        for group in self._groups(virtual):
            wanted = {key: self._blocks(key) for key in group}
            names = dict.fromkeys(
                one for parts in wanted.values() for blocks in parts.values() for one in blocks
            )
            held = await self._reader.read(list(names))
            for key, parts in wanted.items():
                if (slots := self._computed(key, parts, held)) is not None:
                    found[key] = slots
        return found

    async def read_events(self, keys: Sequence[EventKey]) -> Mapping[EventKey, Slots]:
        """See `BlockReader.read_events`: a virtual meter has none."""
        return await self._reader.read_events(
            [key for key in keys if not self._parts.is_virtual(key.meter_id)]
        )

    def _groups(self, keys: Sequence[BlockKey]) -> Iterator[list[BlockKey]]:
        group: list[BlockKey] = []
        size = 0
        for key in keys:
            group.append(key)
            size += len(self._parts.parts(key.meter_id, key.register, day=key.day))
            if size >= PARTS_AT_ONCE:
                yield group
                group, size = [], 0
        if group:
            yield group

    def _blocks(self, key: BlockKey) -> dict[tuple[str, str], list[BlockKey]]:
        """The blocks of each part that make up a block; a part may change its length that day."""
        begin_s = key.day * DAY_S
        found = {}
        for name, register in self._parts.parts(key.meter_id, key.register, day=key.day):
            meter = self._parts.meter(name)
            lengths = () if meter is None else lengths_in(
                meter, begin_s=begin_s, end_s=begin_s + DAY_S
            )  # fmt: skip
            found[name, register] = [
                BlockKey(name, register, key.day, length)
                for length in lengths
                if not key.interval_s % length
            ]
        return found

    def _computed(
        self,
        key: BlockKey,
        parts: Mapping[tuple[str, str], Sequence[BlockKey]],
        held: Mapping[BlockKey, Slots],
    ) -> Slots | None:
        weights = self._parts.parts(key.meter_id, key.register, day=key.day)
        total = np.zeros(key.slots, dtype=np.float64)
        had = np.zeros(key.slots, dtype=np.int64)
        for part, blocks in parts.items():
            of_part = np.zeros(key.slots, dtype=np.bool_)
            for block in blocks:
                if (slots := held.get(block)) is None:
                    continue
                value, whole = _lengthened(slots, times=key.interval_s // block.interval_s,
                                           energy=adds_up(block.register))  # fmt: skip
                total[whole] += weights[part] * value[whole]
                of_part |= whole
            had += of_part
        self._note(key, [block for blocks in parts.values() for block in blocks])
        self.provenance.lacking[key] = len(parts) - had
        value = np.rint(total)
        known = (had == len(parts)) & (value >= _INT32.min) & (value <= _INT32.max)
        if not parts or not known.any():
            return None
        computed = np.zeros(key.slots, dtype=SLOT)
        computed["final"][known] = value[known]
        computed["quality"][known] = DERIVED
        computed["flags"][known] = PRESENT
        return computed

    def _note(self, key: BlockKey, blocks: Sequence[BlockKey]) -> None:
        origins = [self.provenance.origins[one] for one in blocks if one in self.provenance.origins]
        if origins:
            places = {(one.source, one.zone) for one in origins}
            known = [one.as_of_us for one in origins if one.as_of_us]
            source = origins[0].source if len({one for one, _ in places}) == 1 else BOTH
            zone = origins[0].zone if len(places) == 1 else ""
            self.provenance.origins[key] = Origin(source, zone, min(known, default=0))
        reasons = (self.provenance.missing.get(one) for one in blocks)
        if (reason := next((one for one in reasons if one is not None), None)) is not None:
            self.provenance.missing[key] = reason


def _lengthened(
    slots: Slots, *, times: int, energy: bool
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Every `times` slots as one: their sum, or the mean of demand, and whether all were there."""
    present = ((slots["flags"] & PRESENT) != 0).reshape(-1, times)
    values = slots["final"].astype(np.float64).reshape(-1, times)
    together = values.sum(axis=1)
    return (together if energy else together / times), present.all(axis=1)


async def with_virtual(zone: Backing, meters: Sequence[Meter]) -> Backing:
    """Return `zone` as a query for `meters` reads it.

    Raises:
        TooManyParts: see there.
        StoreUnavailable: no answer before the deadline.
    """
    parts = await part_book(zone.book, meters)
    if parts is None:
        return zone
    return replace(
        zone,
        open_reader=lambda recall, whole: VirtualReader(zone.open_reader(recall, whole), parts),
    )
