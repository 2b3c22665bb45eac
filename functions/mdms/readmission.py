"""Readings of days that this zone has dropped: what the record has of them is no news.

The zone's own store cannot tell: it holds nothing of such a day any more.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from functions.mdms.tiered_reading import Recall
from storage.model.block import HAS_RAW, PRESENT, BlockKey
from storage.model.payload import Batch
from storage.model.quality import CLASS_OF_QUALITY, QualityClass
from storage.model.recall import Question, slots_of
from storage.model.runs import RunBatch
from storage.model.tiers import NEVER
from storage.ports import Acceptance, Outcome

MOST_LOOKED_UP: Final = 4_000
"""Blocks of one batch that are looked up; a larger one of old days is taken as it comes."""
LOOK_EVERY_S: Final = 1.0


class Accepts(Protocol):
    """What takes readings in: `storage.ports.HotStore.accept`."""

    async def accept(self, batch: Batch) -> Acceptance:
        """See there."""


class Readmission:
    """Takes readings in as its store does, but for those of dropped days that the record has."""

    def __init__(
        self, store: Accepts, *, recall: Recall, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._recall = recall
        self._clock = clock
        self._dropped = NEVER
        self._look_at_s = float("-inf")

    async def accept(self, batch: Batch) -> Acceptance:
        """Take a batch in; see `HotStore.accept`.

        A value that the record has of a dropped day is a duplicate. Where nobody can be asked
        it is taken as new, and is a version of the same value there.
        """
        if not isinstance(batch, RunBatch) or not len(batch):
            return await self._store.accept(batch)
        old = batch.run_day <= await self._dropped_through()
        if not old.any():
            return await self._store.accept(batch)
        known = await self._known(batch, old)
        if not known.any():
            return await self._store.accept(batch)
        outcomes = np.full(len(batch), Outcome.DUPLICATE, dtype=np.uint8)
        if known.all():
            return Acceptance(outcomes=outcomes, sequence=0)
        taken = await self._store.accept(without(batch, known))
        outcomes[~known] = taken.outcomes
        return Acceptance(outcomes=outcomes, sequence=taken.sequence)

    async def _dropped_through(self) -> int:
        now_s = self._clock()
        if now_s >= self._look_at_s:
            self._dropped = await self._recall.dropped_through()
            self._look_at_s = now_s + LOOK_EVERY_S
        return self._dropped

    async def _known(self, batch: RunBatch, old: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Mask of the readings that the record has."""
        known = np.zeros(len(batch), dtype=np.bool_)
        runs = np.flatnonzero(old).tolist()
        keys = {run: _key(batch, run) for run in runs}
        wanted = list(dict.fromkeys(keys.values()))
        if len(wanted) > MOST_LOOKED_UP:
            return known
        answer = await self._recall.ask(Question.of(wanted, []))
        found = {wanted[one.at]: slots_of(one) for one in answer.blocks}
        for run in runs:
            slots = found.get(keys[run])
            if slots is not None:
                first, end = batch.offsets[run], batch.offsets[run + 1]
                slot = int(batch.run_slot[run])
                held = slots[slot : slot + (end - first)]
                known[first:end] = _same(held, batch.values[first:end], batch.quality[first:end])
        return known


def without(batch: RunBatch, left_out: NDArray[np.bool_]) -> RunBatch:
    """The batch without some of its readings: a run with a hole becomes several."""
    kept = np.flatnonzero(~left_out)
    run = batch.run_of_reading()[kept]
    begins = np.ones(len(kept), dtype=np.bool_)
    begins[1:] = (np.diff(kept) != 1) | (np.diff(run) != 0)
    first = np.flatnonzero(begins)
    of = run[first]
    moved = kept[first] - batch.offsets[of]
    return replace(
        batch,
        run_meter=batch.run_meter[of],
        run_register=batch.run_register[of],
        run_interval_s=batch.run_interval_s[of],
        run_start=batch.run_start[of] + moved * batch.run_interval_s[of],
        run_length=np.diff(np.append(first, len(kept))).astype(np.int32),
        values=batch.values[kept],
        quality=batch.quality[kept],
    )


def _same(
    held: NDArray[np.void], values: NDArray[np.int32], quality: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    level = CLASS_OF_QUALITY[quality]
    counts = (held["flags"] & PRESENT != 0) & (CLASS_OF_QUALITY[held["quality"]] == level)
    metered = (held["flags"] & HAS_RAW != 0) & (level == QualityClass.ACTUAL)
    same: NDArray[np.bool_] = (counts & (held["final"] == values)) | (
        metered & (held["raw"] == values)
    )
    return same


def _key(batch: RunBatch, run: int) -> BlockKey:
    return BlockKey(
        batch.meters[batch.run_meter[run]],
        batch.registers[batch.run_register[run]],
        int(batch.run_day[run]),
        int(batch.run_interval_s[run]),
    )
