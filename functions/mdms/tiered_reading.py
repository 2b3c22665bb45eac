"""Reading over both tiers: the zone's own blocks, and by recall what it lacks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from functions.mdms.provenance import HOT, Origin, Provenance
from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.recall import Answer, Question, Recalled, events_of, slots_of
from storage.model.tiers import joined, joined_events, must_ask

MOST_RECALLED: Final = 20_000
"""Blocks that one query may have from below."""
K = TypeVar("K", BlockKey, EventKey)
Slots = NDArray[np.void]


class RecallTooLarge(ValueError):
    """The query needs more blocks from headquarters than one recall may bring."""

    def __init__(self) -> None:
        super().__init__(
            f"more than {MOST_RECALLED} days of meters are not held in this zone: ask headquarters,"
            " ask for less, or for what is here with recall=false"
        )
        self.members = {"limit": MOST_RECALLED}


class TierUnreachable(Exception):
    """Part of the answer is in a zone that cannot be reached, and this form cannot say which."""

    retry_after_s = 2

    def __init__(self, blocks: int, reason: str) -> None:
        super().__init__(
            f"{blocks} days of meters are held by a zone that cannot be reached: {reason};"
            " recall=false answers with what is here"
        )
        self.members = {"missing_days": blocks}


class BothBlocks(Protocol):
    """Blocks of one tier."""

    async def read(self, keys: Sequence[BlockKey]) -> Mapping[BlockKey, Slots]:
        """See `BlockReader.read`."""

    async def read_events(self, keys: Sequence[EventKey]) -> Mapping[EventKey, Slots]:
        """See `BlockReader.read_events`."""


class Recall(Protocol):
    """The way to the tiers below."""

    async def ask(self, question: Question) -> Answer:
        """Return their blocks; places that could not be asked for are in `unreachable`."""

    async def dropped_through(self) -> int:
        """The last day of which this zone dropped something.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """

    def read_here(self, keys: Sequence[BlockKey]) -> None:
        """Count reads of blocks that the zone has."""


class SourcedReader:
    """Blocks of a zone that reads one tier only; they are all of one origin."""

    def __init__(self, blocks: BothBlocks, origin: Origin) -> None:
        self._blocks = blocks
        self._origin = origin
        self.provenance = Provenance()

    async def read(self, keys: Sequence[BlockKey]) -> Mapping[BlockKey, Slots]:
        """See `BlockReader.read`."""
        found = await self._blocks.read(keys)
        self.provenance.came(found, self._origin)
        return found

    async def read_events(self, keys: Sequence[EventKey]) -> Mapping[EventKey, Slots]:
        """See `BlockReader.read_events`."""
        found = await self._blocks.read_events(keys)
        self.provenance.came(found, self._origin)
        return found


class TieredReader:
    """Reads for one query, and notes where each block came from."""

    def __init__(self, blocks: BothBlocks, *, zone: str, recall: Recall, whole: bool) -> None:
        """`whole` refuses to go on without what cannot be reached, instead of noting it."""
        self._blocks = blocks
        self._here = Origin(HOT, zone)
        self._recall = recall
        self._whole = whole
        self._asked = 0
        self.provenance = Provenance()

    async def read(self, keys: Sequence[BlockKey]) -> Mapping[BlockKey, Slots]:
        """Slots of the blocks that either tier has.

        Raises:
            StoreUnavailable: the zone's own store does not answer.
            RecallTooLarge, TierUnreachable: see there.
        """
        held = dict(await self._blocks.read(keys))
        self._recall.read_here(list(held))
        dropped = await self._dropped(held)
        lacking = [
            key
            for key in dict.fromkeys(keys)
            if must_ask(held.get(key), day=key.day, dropped_through=dropped)
        ]
        self.provenance.came(held, self._here)
        for key, one in (await self._ask(lacking, Question.of(lacking, []))).items():
            slots, own = slots_of(one), held.get(key)
            held[key] = slots if own is None else joined(own, slots)
        return held

    async def read_events(self, keys: Sequence[EventKey]) -> Mapping[EventKey, Slots]:
        """Events of the blocks that either tier has; raises as `read`."""
        held = dict(await self._blocks.read_events(keys))
        dropped = await self._recall.dropped_through()
        lacking = [key for key in dict.fromkeys(keys) if key not in held or key.day <= dropped]
        self.provenance.came(held, self._here)
        for key, one in (await self._ask(lacking, Question.of([], lacking))).items():
            events, own = events_of(one), held.get(key)
            held[key] = events if own is None else joined_events(own, events)
        return held

    async def _dropped(self, held: Mapping[BlockKey, Slots]) -> int:
        # After the blocks: what was dropped in between was noted before it was dropped.
        return await self._recall.dropped_through() if held else 0

    async def _ask(self, keys: list[K], question: Question) -> dict[K, Recalled]:
        if not keys:
            return {}
        self._asked += len(keys)
        if self._asked > MOST_RECALLED:
            raise RecallTooLarge
        answer: Answer = await self._recall.ask(question)
        unreachable = [*answer.unreachable_blocks, *answer.unreachable_events]
        if unreachable and self._whole:
            raise TierUnreachable(len(unreachable), answer.reason)
        self.provenance.missing.update({keys[at]: answer.reason for at in unreachable})
        found = {keys[one.at]: one for one in [*answer.blocks, *answer.events]}
        for key, one in found.items():
            self.provenance.origins[key] = Origin(one.source, one.zone, one.as_of_us)
        return found


class QueryReader(BothBlocks, Protocol):
    """Blocks of one query, and where they came from."""

    @property
    def provenance(self) -> Provenance:
        """Filled while blocks are read."""


OpenReader = Callable[[bool, bool], QueryReader]
"""Makes the reader of one query: whether to recall, and whether it must be whole."""
