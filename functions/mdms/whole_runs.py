"""Good intervals as one batch, laid out run by run: what reading by reading comes to the same."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from functions.mdms.arrivals import Arrivals
from functions.mdms.batch_forming import MAX_BATCH_READINGS
from functions.mdms.names_in_use import only_used
from storage.model.runs import DAY_S, RunBatch
from storage.model.stretches import stretch_lengths


class WholeRuns(NamedTuple):
    """A batch, and where in the body each of its readings was: (readings,), None for just there."""

    batch: RunBatch
    was: NDArray[np.int64] | None


class _Runs(NamedTuple):
    """Runs by meter, register and time: (runs,) each, `end` that of the last interval."""

    meter: NDArray[np.int64]
    register: NDArray[np.int64]
    interval_s: NDArray[np.int64]
    start_s: NDArray[np.int64]
    end_s: NDArray[np.int64]

    def take(self, index: NDArray[np.intp]) -> "_Runs":
        return _Runs(*(column[index] for column in self))

    @property
    def same(self) -> NDArray[np.bool_]:
        """Whether a run is of the series of the one before: (runs - 1,)."""
        meter, register = self.meter, self.register
        of_one: NDArray[np.bool_] = (meter[1:] == meter[:-1]) & (register[1:] == register[:-1])
        return of_one


def form_whole_runs(arrivals: Arrivals) -> WholeRuns | None:
    """Make the one batch that `form_batches` makes of readings that are all good.

    None where there is more to see to: events, an interval named twice, lengths that change, no
    readings or more than a batch has.
    """
    length = arrivals.run_length
    if not 0 < len(arrivals) <= MAX_BATCH_READINGS or length.min() < 1:
        return None
    if not arrivals.run_on_grid().all():
        return None
    start_s = arrivals.run_start_us // 1_000_000
    runs = _Runs(
        arrivals.run_meter,
        arrivals.run_register,
        arrivals.run_interval_s,
        start_s,
        start_s + length * arrivals.run_interval_s,
    )
    values, quality = arrivals.values, arrivals.quality
    was = None
    order = _order(runs)
    if order is not None:
        runs = runs.take(order)
        was = _places(length, order)
        values, quality = values[was], quality[was]
    repeats = runs.start_s[1:] < runs.end_s[:-1]
    repeats |= runs.interval_s[1:] != runs.interval_s[:-1]
    if (repeats & runs.same).any():
        return None
    return WholeRuns(_batch(arrivals, _joined(_days(runs)), values, quality), was)


def _order(runs: _Runs) -> NDArray[np.intp] | None:
    """By meter, register and time; None when they are so already."""
    series = runs.meter << 8 | runs.register
    later = runs.start_s[1:] >= runs.start_s[:-1]
    ascending = (series[1:] > series[:-1]) | ((series[1:] == series[:-1]) & later)
    return None if ascending.all() else np.lexsort((runs.start_s, series))


def _places(length: NDArray[np.int64], order: NDArray[np.intp]) -> NDArray[np.int64]:
    """Where the readings of the runs in that order were: (readings,)."""
    begin = np.cumsum(length) - length
    moved = length[order]
    ends = np.cumsum(moved)
    places: NDArray[np.int64] = np.repeat(begin[order] - ends + moved, moved)
    places += np.arange(len(places))
    return places


def _days(runs: _Runs) -> _Runs:
    """The runs, those that go on after midnight UTC cut there."""
    first_day = runs.start_s // DAY_S
    days = (runs.end_s - 1) // DAY_S - first_day + 1
    if days.max() == 1:
        return runs
    index = np.repeat(np.arange(len(days)), days)
    day = first_day[index] + np.arange(len(index)) - (np.cumsum(days) - days)[index]
    cut = runs.take(index)
    return cut._replace(
        start_s=np.maximum(cut.start_s, day * DAY_S), end_s=np.minimum(cut.end_s, (day + 1) * DAY_S)
    )


def _joined(runs: _Runs) -> _Runs:
    """The runs, those of a day that go on where the one before ends joined to it."""
    begins = np.ones(len(runs.meter), dtype=np.bool_)
    begins[1:] = (
        ~runs.same
        | (runs.start_s[1:] != runs.end_s[:-1])
        | (runs.start_s[1:] // DAY_S != runs.start_s[:-1] // DAY_S)
    )
    if begins.all():
        return runs
    head = np.flatnonzero(begins)
    last = head + stretch_lengths(head, len(begins)) - 1
    return runs.take(head)._replace(end_s=runs.end_s[last])


def _batch(
    arrivals: Arrivals, runs: _Runs, values: NDArray[np.int64], quality: NDArray[np.int64]
) -> RunBatch:
    meters, run_meter = only_used(arrivals.meters, runs.meter)
    registers, run_register = only_used(arrivals.registers, runs.register)
    return RunBatch(
        meters=meters,
        registers=registers,
        run_meter=run_meter.astype(np.int32),
        run_register=run_register.astype(np.uint8),
        run_interval_s=runs.interval_s.astype(np.int32),
        run_start=runs.start_s,
        run_length=((runs.end_s - runs.start_s) // runs.interval_s).astype(np.int32),
        values=values.astype(np.int32),
        quality=quality.astype(np.uint8),
    )
