"""A batch as the library's functions take it: runs of cells, and one claim (a slot) a reading."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.hot.strips import METERS_A_STRIP
from storage.model.block import HAS_RAW, PRESENT, SLOT
from storage.model.quality import CLASS_OF_QUALITY, QualityClass
from storage.model.runs import DAY_S, RunBatch
from storage.model.stretches import stretch_lengths

RUN: Final = np.dtype([("first", "<u2"), ("count", "<u2"), ("cells", "<u2"), ("step", "<u2")])
"""8 bytes a run: first cell, readings, cells of its strip, from one of its cells to the next."""

SEGMENT: Final = np.dtype([("runs", "<u2"), ("first", "<u2"), ("count", "<u2"), ("cells", "<u2")])
"""8 bytes a segment: its runs, first cell and cells, the cells of its strip."""

_MOST_CELLS_A_READING: Final = METERS_A_STRIP
_CELL_BITS: Final = 14
_CELL: Final = (1 << _CELL_BITS) - 1
_STRIP_BITS: Final = 32


class SlotNamedTwice(ValueError):
    """Two readings of one batch are for the same slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRuns:
    """Where a batch's readings have their cells: C runs of cells, in the batch's order.

    `head` is the batch's run that each begins with, `strip` its strip among those of its register,
    interval length and day, `follows` whether that is the strip of the one before. `columns` says
    that one has cells that are no neighbours.
    """

    head: NDArray[np.intp]
    strip: NDArray[np.int64]
    follows: NDArray[np.bool_]
    runs: NDArray[np.void]
    columns: bool


def cell_order(batch: RunBatch, places: NDArray[np.int64]) -> NDArray[np.intp] | None:
    """The order of its runs in which cells that are neighbours follow each other; None: as it is.

    `places` are those of the runs' series.

    Raises:
        SlotNamedTwice: the library would compare both with what is stored, not with each other.
    """
    code = cell_codes(batch, places)
    ascending = bool((code[1:] > code[:-1]).all())
    single = len(batch) == batch.runs
    if not single or not ascending:
        _check_slots_distinct(batch, places)
    return None if ascending else np.argsort(code, kind="stable")


def cell_runs(
    batch: RunBatch, places: NDArray[np.int64], *, first: NDArray[np.intp] | None = None
) -> CellRuns:
    """Lay out a batch whose runs are in `cell_order`: an instant's neighbours are one run.

    Runs that are named in `first` follow none.
    """
    count, code = batch.run_length, cell_codes(batch, places)
    single = count == 1
    begins = np.ones(batch.runs, dtype=np.bool_)
    # The same strip, and the next cell: also from a slot's last meter to the next slot's first.
    begins[1:] = (code[1:] != code[:-1] + 1) | ~single[1:] | ~single[:-1]
    if first is not None:
        begins[first] = True
    head = np.flatnonzero(begins)
    strip = code[head] >> _CELL_BITS
    follows = np.zeros(len(head), dtype=np.bool_)
    follows[1:] = strip[1:] == strip[:-1]
    if first is not None:
        follows[np.searchsorted(head, first)] = False
    runs = np.empty(len(head), dtype=RUN)
    runs["first"] = code[head] & _CELL
    runs["count"] = np.add.reduceat(count, head) if len(head) else 0
    runs["cells"] = DAY_S // batch.run_interval_s[head] * METERS_A_STRIP
    column = ~single[head]
    runs["step"] = np.where(column, METERS_A_STRIP, 1)
    return CellRuns(
        head=head,
        strip=places[head] // METERS_A_STRIP,
        follows=follows,
        runs=runs,
        columns=bool(column.any()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """Stretches of strips that a batch claims cells of: S of them, `cells` in all.

    `head` is the cell run that each begins with, `claim` the place of each reading among all cells.
    `alone` says that no two of them are of one strip.
    """

    head: NDArray[np.intp]
    segments: NDArray[np.void]
    claim: NDArray[np.int64]
    cells: int
    alone: bool


def cell_segments(laid: CellRuns) -> Segments:
    """Put the runs of a strip together.

    A strip with few cells claimed far apart would be mostly zeros: then each run is by itself.
    """
    found = _segments(laid, np.flatnonzero(~laid.follows), alone=True)
    if found.cells > _MOST_CELLS_A_READING * len(found.claim):
        return _segments(laid, np.arange(len(laid.head)), alone=False)
    return found


def _segments(laid: CellRuns, head: NDArray[np.intp], *, alone: bool) -> Segments:
    runs = laid.runs
    first, count, step = (runs[name].astype(np.int64) for name in ("first", "count", "step"))
    many = stretch_lengths(head, len(runs))
    begin = np.minimum.reduceat(first, head)
    size = np.maximum.reduceat(first + (count - 1) * step, head) + 1 - begin
    segments = np.empty(len(head), dtype=SEGMENT)
    segments["runs"] = many
    segments["first"] = begin
    segments["count"] = size
    segments["cells"] = runs["cells"][head]
    ends = np.cumsum(size)
    # Of each run: where its first cell is among all cells, and how many readings come before it.
    run_claim = np.repeat(ends - size - begin, many) + first
    within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    claim = np.repeat(run_claim, count) + within * np.repeat(step, count)
    return Segments(head=head, segments=segments, claim=claim, cells=int(ends[-1]), alone=alone)


def spread_claims(claims: bytes, found: Segments) -> bytes:
    """The claims at their cells, zeros elsewhere."""
    cells = np.zeros(found.cells, dtype=SLOT)
    cells[found.claim] = np.frombuffer(claims, dtype=SLOT)
    return cells.tobytes()


def pack_claims(batch: RunBatch, excluded: NDArray[np.bool_] | None = None) -> bytes:
    """What each reading would make of an empty slot, `SLOT` each; zeros where `excluded`."""
    actual = CLASS_OF_QUALITY[batch.quality] == QualityClass.ACTUAL
    claims = np.zeros(len(batch), dtype=SLOT)
    claims["raw"] = np.where(actual, batch.values, 0)
    claims["final"] = batch.values
    claims["quality"] = batch.quality
    claims["flags"] = np.where(actual, PRESENT | HAS_RAW, PRESENT)
    if excluded is not None:
        claims[excluded] = np.zeros((), dtype=SLOT)
    return claims.tobytes()


def cell_codes(batch: RunBatch, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each run's first cell: neighbours of a strip have successive ones."""
    cell = batch.run_slot * METERS_A_STRIP + places % METERS_A_STRIP
    code = (places // METERS_A_STRIP) << _CELL_BITS | cell
    day, interval_s, register = batch.run_day, batch.run_interval_s, batch.run_register
    # Live traffic is one instant of many meters.
    if not ((day == day[:1]) & (interval_s == interval_s[:1]) & (register == register[:1])).all():
        kind = (day.astype(np.int64) * (DAY_S + 1) + interval_s) << 8 | register
        _, which = np.unique(kind, return_inverse=True)
        code |= which.astype(np.int64) << (_CELL_BITS + _STRIP_BITS)
    return code


def _check_slots_distinct(batch: RunBatch, places: NDArray[np.int64]) -> None:
    meter = batch.run_meter
    if (meter[1:] > meter[:-1]).all():
        return
    columns = batch.run_slot, batch.run_interval_s, batch.run_day, batch.run_register, places
    order = np.lexsort(columns)
    first, *same = (column[order] for column in columns)
    overlap = first[1:] < (first + batch.run_length[order])[:-1]
    for column in same:
        overlap &= column[1:] == column[:-1]
    if overlap.any():
        run = order[1:][overlap][0]
        meter_id = batch.meters[batch.run_meter[run]]
        raise SlotNamedTwice(f"the batch names a slot of meter {meter_id!r} twice")
