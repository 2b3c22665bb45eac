"""Readings of many entries, gathered by the block that they belong to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.cold.tail import OpenEntry
from storage.model.block import BlockKey, Versions

_CHUNK_SLOTS: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Gathered:
    """N versions in `versions`, each of block `keys[block]`; `edges` are sorted.

    Keys of one interval length stand together.
    """

    keys: list[BlockKey]
    block: NDArray[np.int64]
    versions: Versions
    edges: tuple[str, ...]

    def chunks(self) -> Iterator[tuple[list[BlockKey], Versions]]:
        """Blocks of one interval length, few enough to hold in memory, with their versions.

        The versions' slots count through the chunk: block 0's slots, block 1's, and so on.
        """
        first = 0
        by_block = np.argsort(self.block, kind="stable")
        sorted_block = self.block[by_block]
        while first < len(self.keys):
            slots = self.keys[first].slots
            last = min(first + max(1, _CHUNK_SLOTS // slots), len(self.keys))
            while self.keys[last - 1].interval_s != self.keys[first].interval_s:
                last -= 1
            begin, end = np.searchsorted(sorted_block, (first, last))
            taken = by_block[begin:end]
            versions = self.versions.take(taken)
            place = ((self.block[taken] - first) * slots).astype(np.int32)
            yield self.keys[first:last], replace(versions, slot=versions.slot + place)
            first = last

    def of(self, keys: Sequence[BlockKey]) -> Versions:
        """The versions of `keys`, all of one interval length, slots counting through them."""
        place = {key: index for index, key in enumerate(keys)}
        index = np.array([place.get(key, -1) for key in self.keys], dtype=np.int64)
        at = index[self.block]
        taken = np.flatnonzero(at >= 0)
        versions = self.versions.take(taken)
        slots = keys[0].slots
        return replace(versions, slot=versions.slot + (at[taken] * slots).astype(np.int32))


def narrow(
    entry: OpenEntry, *, meters: frozenset[str], first_day: int, last_day: int
) -> OpenEntry | None:
    """The entry with the runs of `meters` between two days (both included) only, if any."""
    batch = entry.batch
    if meters.isdisjoint(batch.meters):
        return None
    wanted = np.array([name in meters for name in batch.meters], dtype=np.bool_)
    day = batch.run_day
    runs = np.flatnonzero(wanted[batch.run_meter] & (day >= first_day) & (day <= last_day))
    if not len(runs):
        return None
    readings = np.flatnonzero(np.isin(batch.run_of_reading(), runs))
    return OpenEntry(
        entry.edge,
        entry.sequence,
        replace(
            batch,
            run_meter=batch.run_meter[runs],
            run_register=batch.run_register[runs],
            run_interval_s=batch.run_interval_s[runs],
            run_start=batch.run_start[runs],
            run_length=batch.run_length[runs],
            values=batch.values[readings],
            quality=batch.quality[readings],
        ),
        entry.excluded[readings],
    )


def gather(entries: Sequence[OpenEntry]) -> Gathered:
    """Bring the readings that `entries` do not exclude into columns, by block."""
    edges = tuple(sorted({entry.edge for entry in entries}))
    edge_index = {edge: index for index, edge in enumerate(edges)}
    names = _Names(), _Names()
    batches = [entry.batch for entry in entries]
    sizes = np.array([len(batch) for batch in batches], dtype=np.int64)
    keys, run_block = _blocks(
        meter_names=names[0],
        register_names=names[1],
        meter=_join([names[0].codes(b.meters)[b.run_meter] for b in batches]),
        register=_join([names[1].codes(b.registers)[b.run_register] for b in batches]),
        day=_join([b.run_day for b in batches]),
        interval_s=_join([b.run_interval_s for b in batches]),
    )
    length = _join([b.run_length for b in batches])
    begin = np.cumsum(length) - length
    slot = np.repeat(_join([b.run_slot for b in batches]) - begin, length)
    slot += np.arange(len(slot))
    kept = ~_join([entry.excluded for entry in entries]).astype(np.bool_)
    versions = Versions(
        slot=slot.astype(np.int32),
        value=_join([b.values for b in batches]).astype(np.int32),
        quality=_join([b.quality for b in batches]).astype(np.uint8),
        sequence=np.repeat(np.array([e.sequence for e in entries], dtype=np.int64), sizes),
        edge=np.repeat(np.array([edge_index[e.edge] for e in entries], dtype=np.uint8), sizes),
    )
    # A run whose every reading is excluded must not open a block.
    block = np.repeat(run_block, length)[kept]
    used = np.bincount(block, minlength=len(keys)) > 0
    used_keys = [keys[at] for at in np.flatnonzero(used).tolist()]
    return Gathered(used_keys, (np.cumsum(used) - 1)[block], versions.take(kept), edges)


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
    *,
    meter_names: _Names,
    register_names: _Names,
    meter: NDArray[np.int64],
    register: NDArray[np.int64],
    day: NDArray[np.int64],
    interval_s: NDArray[np.int64],
) -> tuple[list[BlockKey], NDArray[np.int64]]:
    """The distinct blocks of runs, and each run's block."""
    if not len(meter):
        return [], np.zeros(0, dtype=np.int64)
    lengths, length_index = np.unique(interval_s, return_inverse=True)
    first_day = int(day.min())
    shape = (len(lengths), len(meter_names), len(register_names), int(day.max()) - first_day + 1)
    code = np.ravel_multi_index((length_index, meter, register, day - first_day), shape)
    distinct, run_block = np.unique(code, return_inverse=True)
    columns = [column.tolist() for column in np.unravel_index(distinct, shape)]
    meters, registers = meter_names.names(), register_names.names()
    keys = [
        BlockKey(meters[m], registers[r], first_day + d, int(lengths[i]))
        for i, m, r, d in zip(*columns, strict=True)
    ]
    return keys, run_block


def _join(columns: list[NDArray[np.generic]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, dtype=np.int64), *columns]).astype(np.int64)
