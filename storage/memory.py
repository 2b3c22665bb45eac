"""The ports of the stores in memory, for unit tests of the services above them."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from storage.hot.packing import SlotNamedTwice
from storage.model.block import HAS_RAW, PRESENT, SLOT, BlockKey
from storage.model.quality import CLASS_OF_QUALITY, QualityClass
from storage.model.runs import RunBatch
from storage.model.uplink import UplinkEntry, pack_excluded, unpack_excluded
from storage.ports import Acceptance, Outcome, StoreFull

ENTRY_BYTES = 64
MAX_REVISION = 65_535


@dataclass(slots=True)
class _Held:
    slots: NDArray[np.void]
    past: set[tuple[int, int, int]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Claim:
    key: BlockKey
    slot: int
    value: int
    quality: int

    @property
    def rank(self) -> int:
        return int(CLASS_OF_QUALITY[self.quality])

    @property
    def version(self) -> tuple[int, int, int]:
        return (self.slot, self.value, self.rank)


class MemoryHotStore:
    """Keeps the port `HotStore`; `uplink` holds what waits for the parent."""

    def __init__(
        self,
        *,
        edge: str = "edge",
        uplink_limit_bytes: int = 1 << 30,
        clock_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        """`clock_us` gives microseconds since 1970."""
        self.uplink: list[UplinkEntry] = []
        self._edge = edge
        self._limit = uplink_limit_bytes
        self._clock_us = clock_us
        self._sequence = 0
        self._blocks: dict[BlockKey, _Held] = {}
        self._watermarks: dict[str, int] = {}

    async def accept(self, batch: RunBatch) -> Acceptance:
        """See `HotStore.accept`."""
        claims = list(_claims(batch))
        if len({(claim.key, claim.slot) for claim in claims}) < len(claims):
            raise SlotNamedTwice("the batch names a slot twice")
        outcomes = np.array([self._judge(claim) for claim in claims], dtype=np.uint8)
        duplicate = outcomes == Outcome.DUPLICATE
        if duplicate.all():
            return Acceptance(outcomes=outcomes, sequence=0)
        sequence = max(self._sequence + 1, self._clock_us())
        entry = UplinkEntry(self._edge, sequence, pack_excluded(duplicate), batch.encode())
        self._queue(entry)
        self._sequence = sequence
        for claim, excluded in zip(claims, duplicate, strict=True):
            if not excluded:
                self._write(claim)
        return Acceptance(outcomes=outcomes, sequence=sequence)

    async def relay(self, entries: Sequence[UplinkEntry]) -> int:
        """See `HotStore.relay`."""
        batches = [RunBatch.decode(entry.payload) for entry in entries]
        for entry, batch in zip(entries, batches, strict=True):
            if entry.sequence <= self._watermarks.get(entry.edge, -1):
                continue
            self._queue(entry)
            excluded = unpack_excluded(entry.excluded, len(batch))
            for claim, skipped in zip(_claims(batch), excluded, strict=True):
                if not skipped and claim.version != self._current(claim):
                    self._write(claim)
            self._watermarks[entry.edge] = entry.sequence
        return len(entries)

    async def read(self, keys: Sequence[BlockKey]) -> dict[BlockKey, NDArray[np.void]]:
        """See `HotStore.read`."""
        return {key: self._blocks[key].slots.copy() for key in keys if key in self._blocks}

    def _queue(self, entry: UplinkEntry) -> None:
        if sum(map(_size, self.uplink)) + _size(entry) > self._limit:
            raise StoreFull(retry_after_s=5, what="the uplink")
        self.uplink.append(entry)

    def _current(self, claim: _Claim) -> tuple[int, int, int] | None:
        held = self._blocks.get(claim.key)
        if held is None or not held.slots["flags"][claim.slot] & PRESENT:
            return None
        now = held.slots[claim.slot]
        return (claim.slot, int(now["final"]), int(CLASS_OF_QUALITY[now["quality"]]))

    def _judge(self, claim: _Claim) -> Outcome:
        current = self._current(claim)
        if current is None:
            return Outcome.ACCEPTED
        if claim.version == current or claim.version in self._blocks[claim.key].past:
            return Outcome.DUPLICATE
        return Outcome.OUTRANKED if claim.rank < current[2] else Outcome.CORRECTED

    def _write(self, claim: _Claim) -> None:
        current = self._current(claim)
        empty = np.zeros(claim.key.slots, dtype=SLOT)
        held = self._blocks.setdefault(claim.key, _Held(empty))
        slot = held.slots[claim.slot : claim.slot + 1]
        if current is not None:
            outranked = claim.rank < current[2]
            held.past.add(claim.version if outranked else current)
            slot["revision"] = min(int(slot["revision"][0]) + 1, MAX_REVISION)
        if current is None or claim.rank >= current[2]:
            slot["final"], slot["quality"] = claim.value, claim.quality
            slot["flags"] |= PRESENT
        if claim.rank == QualityClass.ACTUAL:
            slot["raw"] = claim.value
            slot["flags"] |= HAS_RAW


def _size(entry: UplinkEntry) -> int:
    return len(entry.edge) + len(entry.excluded) + len(entry.payload) + ENTRY_BYTES


def _claims(batch: RunBatch) -> Iterator[_Claim]:
    starts = batch.offsets.tolist()
    for run in range(batch.runs):
        key = BlockKey(
            batch.meters[batch.run_meter[run]],
            batch.registers[batch.run_register[run]],
            int(batch.run_day[run]),
            int(batch.run_interval_s[run]),
        )
        first = int(batch.run_slot[run])
        for i in range(starts[run], starts[run + 1]):
            slot = first + i - starts[run]
            yield _Claim(key, slot, int(batch.values[i]), int(batch.quality[i]))
