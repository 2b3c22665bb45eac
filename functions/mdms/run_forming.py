"""From the good readings to batches of runs: split at midnight UTC and where a slot repeats."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.arrivals import Arrivals
from functions.mdms.reason import Reason
from functions.mdms.repeated_slot import occurrence
from storage.model.runs import DAY_S, RunBatch

MAX_TURNS: Final = 8
"""A body may name a slot this often: each time more is one more step of the store."""
MAX_BATCH_READINGS: Final = 20_000
"""Bounds how long one atomic step holds the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormedBatch:
    """A batch, and the place in the body of each of its readings: (readings,)."""

    batch: RunBatch
    place: NDArray[np.int64]


def form_batches(
    *,
    arrivals: Arrivals,
    reading_run: NDArray[np.int64],
    start_s: NDArray[np.int64],
    reason: NDArray[np.uint8],
) -> list[FormedBatch]:
    """Form batches of the readings whose `reason` is 0, to be stored in the order given.

    No batch names a slot twice: the n-th reading of a slot goes to a later batch than the one
    before it. Beyond `MAX_TURNS` a reading's `reason` is set to REPEATED, in place.
    """
    good = np.flatnonzero(reason == 0)
    if not len(good):
        return []
    run = reading_run[good]
    earlier, order = occurrence(
        meter=arrivals.run_meter[run], register=arrivals.run_register[run], start_s=start_s[good]
    )
    reason[good[earlier >= MAX_TURNS]] = Reason.REPEATED
    turns = min(int(earlier.max()) + 1, MAX_TURNS)
    formed = []
    for turn in range(turns):
        of_turn = order if turns == 1 else order[earlier[order] == turn]
        for begin in range(0, len(of_turn), MAX_BATCH_READINGS):
            place = good[of_turn[begin : begin + MAX_BATCH_READINGS]]
            formed.append(_form(arrivals, place, reading_run[place], start_s[place]))
    return formed


def _form(
    arrivals: Arrivals,
    place: NDArray[np.int64],
    run: NDArray[np.int64],
    start_s: NDArray[np.int64],
) -> FormedBatch:
    meter, register = arrivals.run_meter[run], arrivals.run_register[run]
    interval_s = arrivals.run_interval_s[run]
    begins = np.ones(len(place), dtype=np.bool_)
    begins[1:] = (
        (meter[1:] != meter[:-1])
        | (register[1:] != register[:-1])
        | (start_s[1:] != start_s[:-1] + interval_s[1:])
        | (start_s[1:] // DAY_S != start_s[:-1] // DAY_S)
    )
    head = np.flatnonzero(begins)
    meters, run_meter = _only_used(arrivals.meters, meter[head])
    registers, run_register = _only_used(arrivals.registers, register[head])
    batch = RunBatch(
        meters=meters,
        registers=registers,
        run_meter=run_meter.astype(np.int32),
        run_register=run_register.astype(np.uint8),
        run_interval_s=interval_s[head].astype(np.int32),
        run_start=start_s[head],
        run_length=np.diff(head, append=len(place)).astype(np.int32),
        values=arrivals.values[place].astype(np.int32),
        quality=arrivals.quality[place].astype(np.uint8),
    )
    return FormedBatch(batch=batch, place=place)


def _only_used(names: list[str], index: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
    used, new_index = np.unique(index, return_inverse=True)
    if len(used) == len(names):
        return names, index
    return [names[at] for at in used.tolist()], new_index.astype(np.int64)
