"""Register reads and intervals off the grid as events."""

import numpy as np
from numpy.typing import NDArray

from functions.mdms.arrivals import Arrivals
from functions.mdms.names_in_use import only_used
from storage.model.events import EventBatch


def form_events(
    *,
    arrivals: Arrivals,
    place: NDArray[np.int64],
    run: NDArray[np.int64],
    start_s: NDArray[np.int64],
) -> EventBatch:
    """Make one batch of the readings at `place`, sorted by meter, register, kind and time.

    `run` and `start_s` are those of each of them: (len(place),).
    """
    meters, event_meter = only_used(arrivals.meters, arrivals.run_meter[run])
    registers, event_register = only_used(arrivals.registers, arrivals.run_register[run])
    return EventBatch(
        meters=meters,
        registers=registers,
        event_meter=event_meter.astype(np.int32),
        event_register=event_register.astype(np.uint8),
        event_interval_s=arrivals.run_interval_s[run].astype(np.int32),
        at=start_s,
        values=arrivals.values[place],
        quality=arrivals.quality[place].astype(np.uint8),
    )
