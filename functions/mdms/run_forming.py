"""Intervals on the grid as runs: consecutive ones of a meter together, split at midnight UTC."""

import numpy as np
from numpy.typing import NDArray

from functions.mdms.arrivals import Arrivals
from functions.mdms.names_in_use import only_used
from storage.model.runs import DAY_S, RunBatch
from storage.model.stretches import stretch_lengths


def form_runs(
    *,
    arrivals: Arrivals,
    place: NDArray[np.int64],
    run: NDArray[np.int64],
    start_s: NDArray[np.int64],
) -> RunBatch:
    """Make one batch of the readings at `place`, sorted by meter, register and time.

    `run` and `start_s` are those of each of them: (len(place),).
    """
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
    meters, run_meter = only_used(arrivals.meters, meter[head])
    registers, run_register = only_used(arrivals.registers, register[head])
    return RunBatch(
        meters=meters,
        registers=registers,
        run_meter=run_meter.astype(np.int32),
        run_register=run_register.astype(np.uint8),
        run_interval_s=interval_s[head].astype(np.int32),
        run_start=start_s[head],
        run_length=stretch_lengths(head, len(place)).astype(np.int32),
        values=arrivals.values[place].astype(np.int32),
        quality=arrivals.quality[place].astype(np.uint8),
    )
