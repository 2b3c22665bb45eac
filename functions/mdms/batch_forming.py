"""From the good readings to batches: runs and events apart, and split where one repeats."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.arrivals import Arrivals
from functions.mdms.event_forming import form_events
from functions.mdms.reason import Reason
from functions.mdms.repeated_slot import occurrence
from functions.mdms.run_forming import form_runs
from storage.model.payload import Batch

MAX_TURNS: Final = 8
"""A body may name a slot or event this often: each time more is one more step of the store."""
MAX_BATCH_READINGS: Final = 20_000
"""Bounds how long one atomic step holds the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormedBatch:
    """A batch, and the place in the body of each of its readings: (readings,)."""

    batch: Batch
    place: NDArray[np.int64]


def form_batches(
    *,
    arrivals: Arrivals,
    reading_run: NDArray[np.int64],
    start_s: NDArray[np.int64],
    reason: NDArray[np.uint8],
) -> list[FormedBatch]:
    """Form batches of the readings whose `reason` is 0, to be stored in the order given.

    No batch names a slot or an event twice: the n-th reading of one goes to a later batch than
    the one before it. Beyond `MAX_TURNS` a reading's `reason` is set to REPEATED, in place.
    """
    good = np.flatnonzero(reason == 0)
    if not len(good):
        return []
    run = reading_run[good]
    earlier, order = occurrence(
        meter=arrivals.run_meter[run],
        register=arrivals.run_register[run],
        of_interval=arrivals.run_interval_s[run] != 0,
        start_s=start_s[good],
    )
    reason[good[earlier >= MAX_TURNS]] = Reason.REPEATED
    turns = min(int(earlier.max()) + 1, MAX_TURNS)
    on_grid = arrivals.run_on_grid()
    formed = []
    for turn in range(turns):
        of_turn = good[order if turns == 1 else order[earlier[order] == turn]]
        is_slot = on_grid[reading_run[of_turn]]
        for form, places in ((form_runs, of_turn[is_slot]), (form_events, of_turn[~is_slot])):
            for begin in range(0, len(places), MAX_BATCH_READINGS):
                place = places[begin : begin + MAX_BATCH_READINGS]
                batch = form(
                    arrivals=arrivals,
                    place=place,
                    run=reading_run[place],
                    start_s=start_s[place],
                )
                formed.append(FormedBatch(batch=batch, place=place))
    return formed
