"""Readings of many entries, gathered by the block that they belong to."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from storage.cold.name_codes import NameCodes
from storage.cold.piece_columns import PieceColumns
from storage.cold.tail import OpenEntry
from storage.model.block import BlockKey, Versions
from storage.model.event_block import EventKey
from storage.model.runs import RunBatch

_CHUNK_SLOTS: Final = 1 << 16
"""Few enough that what is worked on stays in a processor's cache: a fifth less time a block."""
_CHUNK_BLOCKS: Final = 1 << 12
_TABLE: Final = 1 << 16
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
        if blocks >= len(self.keys):
            return self
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
        by_block = _by_block(self.block)
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
    return _gather([one for one in entries if isinstance(one.batch, RunBatch)], BlockKey)


def gather_events(entries: Sequence[OpenEntry]) -> Gathered[EventKey]:
    """Bring the events that `entries` do not exclude into columns, by block."""
    return _gather([one for one in entries if not isinstance(one.batch, RunBatch)], EventKey)


def _gather(entries: Sequence[OpenEntry], key: Callable[[str, str, int, int], K]) -> Gathered[K]:
    meters, registers = NameCodes(), NameCodes()
    columns = PieceColumns.of(entries, meters=meters, registers=registers)
    return gather(
        columns,
        [(entry.edge, entry.sequence) for entry in entries],
        key=key,
        meters=meters,
        registers=registers,
    )


def gather(
    columns: PieceColumns,
    stamps: Sequence[tuple[str, int]],
    *,
    key: Callable[[str, str, int, int], K],
    meters: NameCodes,
    registers: NameCodes,
) -> Gathered[K]:
    """Bring the readings of entries with these stamps (edge, sequence) into columns, by block."""
    edges = tuple(sorted({edge for edge, _ in stamps}))
    edge_index = {edge: index for index, edge in enumerate(edges)}
    sizes = columns.readings
    keys, of_piece = _blocks(columns, key=key, meter_names=meters, register_names=registers)
    length = columns.length
    begin = np.cumsum(length, dtype=np.int64) - length
    slot = np.repeat((columns.slot - begin).astype(np.int32), length)
    slot += np.arange(len(slot), dtype=np.int32)
    versions = Versions(
        slot=slot,
        value=columns.values,
        quality=columns.quality,
        sequence=np.repeat(np.array([one for _, one in stamps], dtype=np.int64), sizes),
        edge=np.repeat(np.array([edge_index[one] for one, _ in stamps], dtype=np.uint16), sizes),
    )
    block = np.repeat(of_piece, length)
    if not columns.excluded.any():
        return Gathered(keys, block, versions, edges, np.arange(len(block), dtype=np.int64))
    kept = ~columns.excluded
    block = block[kept]
    # A run whose every reading is excluded must not open a block.
    used = np.bincount(block, minlength=len(keys)) > 0
    used_keys = [keys[at] for at in np.flatnonzero(used).tolist()]
    return Gathered(
        used_keys,
        (np.cumsum(used) - 1)[block],
        versions.take(kept),
        edges,
        np.flatnonzero(kept),
    )


def _blocks(
    columns: PieceColumns,
    *,
    key: Callable[[str, str, int, int], K],
    meter_names: NameCodes,
    register_names: NameCodes,
) -> tuple[list[K], NDArray[np.int64]]:
    """The distinct blocks of pieces, and each piece's block."""
    if not len(columns.meter):
        return [], np.zeros(0, dtype=np.int64)
    lengths, length_index = _distinct(columns.interval_s, int(columns.interval_s.max()) + 1)
    first_day = int(columns.day.min())
    days = int(columns.day.max()) - first_day + 1
    shape = (len(lengths), len(meter_names), len(register_names), days)
    code = np.ravel_multi_index(
        (length_index, columns.meter, columns.register, columns.day - first_day), shape
    )
    distinct, of_piece = _distinct(code, prod(shape))
    found = [column.tolist() for column in np.unravel_index(distinct, shape)]
    meters, registers = meter_names.names(), register_names.names()
    keys = [
        key(meters[m], registers[r], first_day + d, int(lengths[i]))
        for i, m, r, d in zip(*found, strict=True)
    ]
    return keys, of_piece


def _distinct(
    codes: NDArray[np.signedinteger[Any]], end: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct ones of `codes`, which are below `end`, rising, and where each one is there."""
    if end > max(_TABLE, 4 * len(codes)):
        distinct, index = np.unique(codes, return_inverse=True)
        return distinct.astype(np.int64), index
    there = np.zeros(end, dtype=np.bool_)
    there[codes] = True
    distinct = np.flatnonzero(there)
    return distinct, (np.cumsum(there) - 1)[codes]


def _by_block(block: NDArray[np.int64]) -> NDArray[np.intp]:
    """The order by block, that of one block's as it was."""
    # Numbers of 16 bits are sorted by their digits, which takes a tenth of the time.
    order = np.argsort((block & 0xFFFF).astype(np.uint16), kind="stable")
    high = (block >> 16).astype(np.uint16)
    return order[np.argsort(high[order], kind="stable")] if high.any() else order
