"""The audit's own book of what it found: which reading, and which stamp of it, how often."""

from collections.abc import Sequence
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from storage.cold.tail import OpenEntry
from storage.model.block import RecordBlock
from storage.model.events import EventBatch
from storage.model.runs import DAY_S, RunBatch

SLOTS: Final = "slots"
EVENTS: Final = "events"
Key = tuple[str, str, str, int, int]
"""Kind, meter, register, day and interval length of a block."""
# identity (block number and slot, or second of the day), sequence, edge number
_COPY: Final = np.dtype([("identity", "<i8"), ("sequence", "<i8"), ("edge", "<i4")])


class Ledger:
    """Copies of the readings of one part of the meters, on the days that count."""

    def __init__(self, part: int, parts: int, days: range) -> None:
        self._part = part
        self._parts = parts
        self._days = days
        self._blocks: dict[Key, int] = {}
        self._edges: dict[str, int] = {}
        self._current: list[NDArray[np.void]] = []
        self._replaced: list[NDArray[np.void]] = []
        self._alone = 0

    def covers(self, meter_id: str) -> bool:
        """Whether the meter is in this part."""
        return self._parts == 1 or crc32(meter_id.encode()) % self._parts == self._part

    def names(self, key: Key) -> bool:
        """Whether the tail or the log has named the block."""
        return key in self._blocks

    def add_alone(self, readings: int) -> None:
        """Count the readings of blocks that nobody else names: their rows cannot be there twice."""
        self._alone += readings

    def add_entry(self, entry: OpenEntry) -> None:
        """Count an entry of the tail."""
        kept = ~entry.excluded
        identity = (
            self._of_runs(entry.batch)
            if isinstance(entry.batch, RunBatch)
            else self._of_events(entry.batch)
        )
        kept &= identity >= 0
        self._current.append(self._copies(identity[kept], entry.sequence, entry.edge))

    def add_replaced(self, key: Key, slot: int, sequence: int, edge: str) -> None:
        """Count a version of a revisions log."""
        identity = np.array([self._number(key) * DAY_S + slot])
        self._replaced.append(self._copies(identity, sequence, edge))

    def add_block(self, key: Key, block: RecordBlock, slots: NDArray[np.int64]) -> None:
        """Count a block's readings, which are at `slots`.

        Their stamps matter only when the tail or the log names the block too.
        """
        number = self._blocks.get(key)
        present = np.flatnonzero(block.present)
        if number is None:
            self._alone += len(present)
            return
        copies = self._copies(number * DAY_S + slots, 0, "")
        edges = [self._edge(name) for name in block.edges]
        copies["sequence"] = block.sequence[present]
        copies["edge"] = np.array(edges, dtype=np.int32)[block.edge[present]]
        self._current.append(copies)

    def add_named(self, keys: Sequence[Key], blocks: RecordBlock) -> None:
        """Count the readings of blocks that the tail or the log names, decoded together."""
        numbers = np.array([self._blocks[key] for key in keys], dtype=np.int64)
        slots = len(blocks.present) // len(keys)
        present = np.flatnonzero(blocks.present)
        copies = self._copies(numbers[present // slots] * DAY_S + present % slots, 0, "")
        edges = [self._edge(name) for name in blocks.edges]
        copies["sequence"] = blocks.sequence[present]
        copies["edge"] = np.array(edges, dtype=np.int32)[blocks.edge[present]]
        self._current.append(copies)

    def distinct(self) -> int:
        """Identities that have a value."""
        identities = [copies["identity"] for copies in self._current]
        return self._alone + len(np.unique(np.concatenate([np.zeros(0, np.int64), *identities])))

    def surplus(self) -> int:
        """Copies beyond the first of the same stamp of the same identity."""
        copies = np.concatenate([np.zeros(0, _COPY), *self._current, *self._replaced])
        ordered = copies[np.lexsort((copies["edge"], copies["sequence"], copies["identity"]))]
        return int((ordered[1:] == ordered[:-1]).sum())

    def _of_runs(self, batch: RunBatch) -> NDArray[np.int64]:
        covered = [self.covers(name) for name in batch.meters]
        number = np.full(batch.runs, -1, dtype=np.int64)
        columns = (batch.run_meter, batch.run_register, batch.run_start, batch.run_interval_s)
        for run, (meter, register, start, interval_s) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            if covered[meter] and start // DAY_S in self._days:
                names = batch.meters[meter], batch.registers[register]
                number[run] = self._number((SLOTS, *names, start // DAY_S, interval_s))
        run_of = np.repeat(np.arange(batch.runs), batch.run_length)
        slot = batch.run_slot[run_of] + np.arange(len(batch)) - batch.offsets[run_of]
        return np.where(number[run_of] >= 0, number[run_of] * DAY_S + slot, -1)

    def _of_events(self, batch: EventBatch) -> NDArray[np.int64]:
        covered = [self.covers(name) for name in batch.meters]
        identity = np.full(len(batch), -1, dtype=np.int64)
        columns = (batch.event_meter, batch.event_register, batch.at, batch.event_interval_s)
        for event, (meter, register, at, interval_s) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            if covered[meter] and at // DAY_S in self._days:
                names = batch.meters[meter], batch.registers[register]
                number = self._number((EVENTS, *names, at // DAY_S, interval_s))
                identity[event] = number * DAY_S + at % DAY_S
        return identity

    def _number(self, key: Key) -> int:
        return self._blocks.setdefault(key, len(self._blocks))

    def _edge(self, name: str) -> int:
        return self._edges.setdefault(name, len(self._edges))

    def _copies(self, identity: NDArray[np.int64], sequence: int, edge: str) -> NDArray[np.void]:
        copies = np.empty(len(identity), dtype=_COPY)
        copies["identity"] = identity
        copies["sequence"] = sequence
        copies["edge"] = self._edge(edge)
        return copies
