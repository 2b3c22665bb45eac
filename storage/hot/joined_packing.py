"""Batches of runs laid out for the library many at a time: a step on all costs as one on each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.hot.packed import COLUMNS, ROWS, SCATTERED, Packed, keys_of_strips
from storage.hot.packing import (
    RUN,
    SEGMENT,
    CellRuns,
    cell_codes,
    cell_runs,
    cell_segments,
    pack_claims,
    spread_claims,
)
from storage.model.block import SLOT
from storage.model.payload import Batch
from storage.model.runs import RunBatch

_FEW: Final = 2


@dataclass(frozen=True, slots=True)
class Joined:
    """Batches one after another as one, with where each was and begins; `batch` may name a slot
    more than once."""

    batch: RunBatch
    was: list[int]
    begin: NDArray[np.intp]
    """Of each batch its first run, and the number of all runs."""

    @property
    def reading(self) -> NDArray[np.int64]:
        """Of each batch its first reading, and the number of all readings."""
        begins: NDArray[np.int64] = self.batch.offsets[self.begin]
        return begins


def joined(batches: Sequence[Batch]) -> list[Joined]:
    """Join the batches of runs that can be laid out together: same registers, same kind of runs.

    Events, empty batches and what has no company are left out.
    """
    alike: dict[tuple[bool, tuple[str, ...]], list[int]] = {}
    for at, batch in enumerate(batches):
        if isinstance(batch, RunBatch) and batch.runs:
            days = len(batch) > batch.runs
            alike.setdefault((days, tuple(batch.registers)), []).append(at)
    return [_join(batches, group) for group in alike.values() if len(group) >= _FEW]


def pack_joined(
    slug: str, one: Joined, places: NDArray[np.int64], excluded: NDArray[np.bool_] | None
) -> Mapping[int, Packed]:
    """Pack joined batches as `pack_runs` does each; `places` are those of all runs.

    Left out are those whose runs are not in `cell_order`, and those that may name a slot twice.
    """
    batch, begin = one.batch, one.begin
    doubtful = _doubtful(batch, begin, places)
    laid = cell_runs(batch, places, first=begin[:-1])
    keys = keys_of_strips(slug, batch, laid)
    claims = pack_claims(batch, excluded)
    heads = np.searchsorted(laid.head, begin)
    runs = _cut(laid.runs.tobytes(), heads * RUN.itemsize)
    if laid.columns:
        packed = _columns(laid, keys, claims, heads, runs)
    else:
        claimed = _cut(claims, one.reading * SLOT.itemsize)
        names = _names(keys, heads)
        packed = [Packed(ROWS, *parts) for parts in zip(names, runs, claimed, strict=True)]
    return {
        was: made
        for was, made, leave in zip(one.was, packed, doubtful.tolist(), strict=True)
        if not leave
    }


def _columns(
    laid: CellRuns,
    keys: list[str],
    claims: bytes,
    heads: NDArray[np.intp],
    runs: list[bytes],
) -> list[Packed]:
    found = cell_segments(laid)
    segments = np.searchsorted(found.head, heads)
    ends = np.zeros(len(found.head) + 1, dtype=np.int64)
    np.cumsum(found.segments["count"], out=ends[1:])
    kind = COLUMNS if found.alone else SCATTERED
    places = _cut(found.segments.tobytes(), segments * SEGMENT.itemsize)
    cells = _cut(spread_claims(claims, found), ends[segments] * SLOT.itemsize)
    names = _names([keys[at] for at in found.head.tolist()], segments)
    return [
        Packed(kind, name, place, run + cell)
        for name, place, run, cell in zip(names, places, runs, cells, strict=True)
    ]


def _doubtful(
    batch: RunBatch, begin: NDArray[np.intp], places: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which batches have runs out of order, or meters of which one comes again: (B,)."""
    code, meter = cell_codes(batch, places), batch.run_meter
    rises = np.ones(batch.runs, dtype=np.bool_)
    rises[1:] = code[1:] > code[:-1]
    if len(batch) > batch.runs:
        rises[1:] &= meter[1:] > meter[:-1]
    rises[begin[:-1]] = True
    sound: NDArray[np.bool_] = np.logical_and.reduceat(rises, begin[:-1])
    return ~sound


def _join(batches: Sequence[Batch], group: list[int]) -> Joined:
    some = [batch for at in group if isinstance(batch := batches[at], RunBatch)]
    begin = np.cumsum([0, *(batch.runs for batch in some)])
    meters = np.cumsum([0, *(len(batch.meters) for batch in some)])[:-1]
    run_meter = np.concatenate([batch.run_meter for batch in some])
    batch = replace(
        some[0],
        meters=[meter for batch in some for meter in batch.meters],
        run_meter=run_meter + np.repeat(meters, np.diff(begin)).astype(np.int32),
        run_register=np.concatenate([batch.run_register for batch in some]),
        run_interval_s=np.concatenate([batch.run_interval_s for batch in some]),
        run_start=np.concatenate([batch.run_start for batch in some]),
        run_length=np.concatenate([batch.run_length for batch in some]),
        values=np.concatenate([batch.values for batch in some]),
        quality=np.concatenate([batch.quality for batch in some]),
    )
    return Joined(batch, group, begin)


def _cut(packed: bytes, at: NDArray[np.int64]) -> list[bytes]:
    places = at.tolist()
    return [packed[begin:end] for begin, end in pairwise(places)]


def _names(keys: list[str], at: NDArray[np.int64]) -> list[list[str]]:
    places = at.tolist()
    return [keys[begin:end] for begin, end in pairwise(places)]
