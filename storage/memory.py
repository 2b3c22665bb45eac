"""The ports of the stores in memory, for unit tests of the services above them."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from storage.hot.packing import SlotNamedTwice
from storage.model.block import HAS_RAW, PRESENT, SLOT, BlockKey
from storage.model.event_block import EVENT, EventKey
from storage.model.events import EventBatch
from storage.model.payload import Batch, decode_payload
from storage.model.quality import CLASS_OF_QUALITY, QualityClass
from storage.model.received import Received
from storage.model.runs import RunBatch
from storage.model.stamp import EPOCH_MARK
from storage.model.uplink import UplinkEntry, pack_excluded, unpack_excluded
from storage.ports import Acceptance, Outcome, StoreFull

ENTRY_BYTES = 64
MAX_REVISION = 65_535
_Key = TypeVar("_Key", BlockKey, EventKey)


@dataclass(slots=True)
class _Slot:
    """What a slot or an event holds, and the (value, class) of what it held before."""

    final: int
    quality: int
    raw: int = 0
    flags: int = 0
    revision: int = 0
    past: set[tuple[int, int]] = field(default_factory=set)

    @property
    def fields(self) -> tuple[int, int, int, int, int]:
        return self.raw, self.final, self.quality, self.flags, self.revision


@dataclass(frozen=True, slots=True)
class _Claim:
    """A version; `place` is its slot, or its second of the day."""

    key: BlockKey | EventKey
    place: int
    value: int
    quality: int

    @property
    def rank(self) -> int:
        return int(CLASS_OF_QUALITY[self.quality])


class MemoryHotStore:
    """Keeps the port `HotStore`; `uplink` holds what waits for the parent."""

    def __init__(
        self,
        *,
        zone: str = "edge",
        uplink_limit_bytes: int = 1 << 30,
        clock_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        """`clock_us` gives microseconds since 1970."""
        self.uplink: list[UplinkEntry] = []
        self._zone = zone
        self._epoch = 0
        self._limit = uplink_limit_bytes
        self._clock_us = clock_us
        self._sequence = 0
        self._blocks: defaultdict[BlockKey | EventKey, dict[int, _Slot]] = defaultdict(dict)
        self._received: defaultdict[tuple[str, str], Received] = defaultdict(Received)

    async def accept(self, batch: Batch) -> Acceptance:
        """See `HotStore.accept`."""
        claims = list(_claims(batch))
        if len({(claim.key, claim.place) for claim in claims}) < len(claims):
            raise SlotNamedTwice("the batch names a slot twice")
        outcomes = np.array([self._judge(claim) for claim in claims], dtype=np.uint8)
        duplicate = outcomes == Outcome.DUPLICATE
        if duplicate.all():
            return Acceptance(outcomes=outcomes, sequence=0)
        sequence = max(self._sequence + 1, self._clock_us())
        self._epoch = self._epoch or self._clock_us()
        edge = f"{self._zone}{EPOCH_MARK}{self._epoch}"
        excluded_bits = pack_excluded(duplicate)
        entry = UplinkEntry(edge, sequence, excluded_bits, batch.encode(), self._sequence)
        self._queue(entry)
        self._sequence = sequence
        for claim, excluded in zip(claims, duplicate, strict=True):
            if not excluded:
                self._write(claim)
        return Acceptance(outcomes=outcomes, sequence=sequence)

    async def relay(self, entries: Sequence[UplinkEntry], *, caller: str) -> int:
        """See `HotStore.relay`."""
        batches = [decode_payload(entry.payload) for entry in entries]
        for entry, batch in zip(entries, batches, strict=True):
            way = caller, entry.edge
            if self._received[way].has(entry.sequence):
                continue
            received = self._received[way].with_entry(entry.sequence, after=entry.after)
            self._queue(entry)
            excluded = unpack_excluded(entry.excluded, len(batch))
            for claim, skipped in zip(_claims(batch), excluded, strict=True):
                if not skipped:
                    self._write(claim)
            self._received[way] = received
        return len(entries)

    async def read(self, keys: Sequence[BlockKey]) -> dict[BlockKey, NDArray[np.void]]:
        """See `HotStore.read`."""
        blocks = {}
        for key, held in self._held(keys):
            blocks[key] = np.zeros(key.slots, dtype=SLOT)
            for place, slot in held.items():
                blocks[key][place] = slot.fields
        return blocks

    async def read_events(self, keys: Sequence[EventKey]) -> dict[EventKey, NDArray[np.void]]:
        """See `HotStore.read_events`."""
        return {
            key: np.array([(at, *slot.fields) for at, slot in sorted(held.items())], dtype=EVENT)
            for key, held in self._held(keys)
        }

    def _held(self, keys: Sequence[_Key]) -> list[tuple[_Key, dict[int, _Slot]]]:
        return [(key, self._blocks[key]) for key in keys if key in self._blocks]

    def _queue(self, entry: UplinkEntry) -> None:
        if sum(map(_size, self.uplink)) + _size(entry) > self._limit:
            raise StoreFull(retry_after_s=5, what="the uplink")
        self.uplink.append(entry)

    def _judge(self, claim: _Claim) -> Outcome:
        held = self._blocks.get(claim.key, {}).get(claim.place)
        if held is None:
            return Outcome.ACCEPTED
        rank, version = int(CLASS_OF_QUALITY[held.quality]), (claim.value, claim.rank)
        if version == (held.final, rank) or version in held.past:
            return Outcome.DUPLICATE
        return Outcome.OUTRANKED if claim.rank < rank else Outcome.CORRECTED

    def _write(self, claim: _Claim) -> None:
        slots = self._blocks[claim.key]
        held = slots.get(claim.place)
        if held is None:
            held = slots[claim.place] = _Slot(claim.value, claim.quality, flags=PRESENT)
        else:
            new, old = (claim.value, claim.rank), (held.final, int(CLASS_OF_QUALITY[held.quality]))
            if new == old:
                return
            held.past.add(new if claim.rank < old[1] else old)
            held.revision = min(held.revision + 1, MAX_REVISION)
            if claim.rank >= old[1]:
                held.final, held.quality = claim.value, claim.quality
        if claim.rank == QualityClass.ACTUAL:
            held.raw = claim.value
            held.flags |= HAS_RAW


def _size(entry: UplinkEntry) -> int:
    return len(entry.edge) + len(entry.excluded) + len(entry.payload) + ENTRY_BYTES


def _claims(batch: Batch) -> Iterator[_Claim]:
    return _of_events(batch) if isinstance(batch, EventBatch) else _of_runs(batch)


def _of_runs(batch: RunBatch) -> Iterator[_Claim]:
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


def _of_events(batch: EventBatch) -> Iterator[_Claim]:
    for meter, register, day, interval_s, second, value, quality in zip(
        batch.event_meter.tolist(),
        batch.event_register.tolist(),
        batch.event_day.tolist(),
        batch.event_interval_s.tolist(),
        batch.event_second.tolist(),
        batch.values.tolist(),
        batch.quality.tolist(),
        strict=True,
    ):
        key = EventKey(batch.meters[meter], batch.registers[register], day, interval_s)
        yield _Claim(key, second, value, quality)
