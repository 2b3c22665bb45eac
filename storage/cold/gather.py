"""Readings of many entries, gathered by the block that they belong to."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from storage.cold.pieces import pieces_of
from storage.cold.tail import OpenEntry
from storage.model.block import BlockKey, Versions
from storage.model.event_block import EventKey
from storage.model.runs import RunBatch

_CHUNK_SLOTS: Final = 1 << 18
_CHUNK_BLOCKS: Final = 1 << 12
K = TypeVar("K", BlockKey, EventKey)


@dataclass(frozen=True, slots=True)
class Gathered(Generic[K]):
    """N versions in `versions`, each of block `keys[block]`; `edges` are sorted.

    Keys of one interval length stand together. `reading` is each version's place among the
    readings of all the entries that it was gathered from.
    """

    keys: list[K]
    block: NDArray[np.int64]
    versions: Versions
    edges: tuple[str, ...]
    reading: NDArray[np.int64]

    def first(self, blocks: int) -> "Gathered[K]":
        """The first `blocks` of the blocks, with their versions."""
        taken = np.flatnonzero(self.block < blocks)
        return Gathered(
            self.keys[:blocks],
            self.block[taken],
            self.versions.take(taken),
            self.edges,
            self.reading[taken],
        )

    def chunks(self) -> Iterator[tuple[list[K], Versions]]:
        """Blocks of one interval length, few enough to hold in memory, with their versions.

        The versions' slots count through the chunk: block 0's slots, block 1's, and so on.
        """
        first = 0
        by_block = np.argsort(self.block, kind="stable")
        sorted_block = self.block[by_block]
        while first < len(self.keys):
            slots = self.keys[first].slots
            last = min(first + chunk_blocks(self.keys[first]), len(self.keys))
            while self.keys[last - 1].interval_s != self.keys[first].interval_s:
                last -= 1
            begin, end = np.searchsorted(sorted_block, (first, last))
            taken = by_block[begin:end]
            versions = self.versions.take(taken)
            place = ((self.block[taken] - first) * slots).astype(np.int32)
            yield self.keys[first:last], replace(versions, slot=versions.slot + place)
            first = last

    def of(self, keys: Sequence[K]) -> Versions:
        """The versions of `keys`, all of one interval length, slots counting through them.

        The keys are no more than `chunk_blocks`.
        """
        place = {key: index for index, key in enumerate(keys)}
        index = np.array([place.get(key, -1) for key in self.keys], dtype=np.int64)
        at = index[self.block]
        taken = np.flatnonzero(at >= 0)
        versions = self.versions.take(taken)
        slots = keys[0].slots
        return replace(versions, slot=versions.slot + (at[taken] * slots).astype(np.int32))


def chunk_blocks(key: BlockKey | EventKey) -> int:
    """How many blocks like `key` are held in memory at once.

    Events take room one by one; the seconds of as many days as this fit 32 bits.
    """
    return _CHUNK_BLOCKS if isinstance(key, EventKey) else max(1, _CHUNK_SLOTS // key.slots)


def gather_runs(entries: Sequence[OpenEntry]) -> Gathered[BlockKey]:
    """Bring the intervals in runs that `entries` do not exclude into columns, by block."""
    of_runs = [entry for entry in entries if isinstance(entry.batch, RunBatch)]
    return _gather(of_runs, BlockKey, np.int32)


def gather_events(entries: Sequence[OpenEntry]) -> Gathered[EventKey]:
    """Bring the events that `entries` do not exclude into columns, by block."""
    of_events = [entry for entry in entries if not isinstance(entry.batch, RunBatch)]
    return _gather(of_events, EventKey, np.int64)


def _gather(
    entries: Sequence[OpenEntry], key: Callable[[str, str, int, int], K], value: DTypeLike
) -> Gathered[K]:
    edges = tuple(sorted({entry.edge for entry in entries}))
    edge_index = {edge: index for index, edge in enumerate(edges)}
    meters, registers = _Names(), _Names()
    batches = [entry.batch for entry in entries]
    pieces = [pieces_of(batch) for batch in batches]
    sizes = np.array([len(batch) for batch in batches], dtype=np.int64)
    pairs = list(zip(batches, pieces, strict=True))
    keys, of_piece = _blocks(
        key,
        meter_names=meters,
        register_names=registers,
        meter=_join([meters.codes(batch.meters)[one.meter] for batch, one in pairs]),
        register=_join([registers.codes(batch.registers)[one.register] for batch, one in pairs]),
        day=_join([one.day for one in pieces]),
        interval_s=_join([one.interval_s for one in pieces]),
    )
    length = _join([one.length for one in pieces])
    begin = np.cumsum(length) - length
    slot = np.repeat(_join([one.slot for one in pieces]) - begin, length)
    slot += np.arange(len(slot))
    kept = ~_join([entry.excluded for entry in entries]).astype(np.bool_)
    versions = Versions(
        slot=slot.astype(np.int32),
        value=_join([batch.values for batch in batches]).astype(value),
        quality=_join([batch.quality for batch in batches]).astype(np.uint8),
        sequence=np.repeat(np.array([e.sequence for e in entries], dtype=np.int64), sizes),
        edge=np.repeat(np.array([edge_index[e.edge] for e in entries], dtype=np.uint16), sizes),
    )
    # A run whose every reading is excluded must not open a block.
    block = np.repeat(of_piece, length)[kept]
    used = np.bincount(block, minlength=len(keys)) > 0
    used_keys = [keys[at] for at in np.flatnonzero(used).tolist()]
    return Gathered(
        used_keys,
        (np.cumsum(used) - 1)[block],
        versions.take(kept),
        edges,
        np.flatnonzero(kept),
    )


class _Names:
    """Numbers for names, shared by many batches."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def codes(self, names: list[str]) -> NDArray[np.int64]:
        known = self._codes
        return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._codes)

    def names(self) -> list[str]:
        return list(self._codes)


def _blocks(
    key: Callable[[str, str, int, int], K],
    *,
    meter_names: _Names,
    register_names: _Names,
    meter: NDArray[np.int64],
    register: NDArray[np.int64],
    day: NDArray[np.int64],
    interval_s: NDArray[np.int64],
) -> tuple[list[K], NDArray[np.int64]]:
    """The distinct blocks of pieces, and each piece's block."""
    if not len(meter):
        return [], np.zeros(0, dtype=np.int64)
    lengths, length_index = np.unique(interval_s, return_inverse=True)
    first_day = int(day.min())
    shape = (len(lengths), len(meter_names), len(register_names), int(day.max()) - first_day + 1)
    code = np.ravel_multi_index((length_index, meter, register, day - first_day), shape)
    distinct, of_piece = np.unique(code, return_inverse=True)
    columns = [column.tolist() for column in np.unravel_index(distinct, shape)]
    meters, registers = meter_names.names(), register_names.names()
    keys = [
        key(meters[m], registers[r], first_day + d, int(lengths[i]))
        for i, m, r, d in zip(*columns, strict=True)
    ]
    return keys, of_piece


def _join(columns: list[NDArray[np.generic]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, dtype=np.int64), *columns]).astype(np.int64)
