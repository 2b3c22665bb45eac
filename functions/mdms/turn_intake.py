"""What one turn of validation takes of the queue, opened."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.validation_ports import ValidationQueue
from storage.hot.validation import Waiting
from storage.model.events import EventBatch
from storage.model.payload import decode_payload
from storage.model.runs import RunBatch
from storage.model.uplink import unpack_excluded

TURN_BYTES: Final = 4 << 20
"""Some 300,000 live readings."""


@dataclass(slots=True)
class TurnIntake:
    """The oldest that `waiting`: batches of runs with what each excludes, and events.

    `more_waits` says that more than a turn takes may wait behind.
    """

    waiting: list[Waiting]
    batches: list[tuple[RunBatch, NDArray[np.bool_]]] = field(default_factory=list)
    events: list[EventBatch] = field(default_factory=list)
    more_waits: bool = False


async def take_turn(queue: ValidationQueue, *, max_bytes: int = TURN_BYTES) -> TurnIntake:
    """Open the oldest that waits, of up to `max_bytes`.

    Raises:
        StoreUnavailable: no answer before the deadline.
    """
    waiting = await queue.waiting(max_bytes=max_bytes)
    # Full, or nearly: the next batch, which did not fit, is unknown.
    taken = TurnIntake(waiting, more_waits=2 * sum(one.size for one in waiting) >= max_bytes)
    for one in waiting:
        batch = decode_payload(one.payload)
        if isinstance(batch, RunBatch):
            taken.batches.append((batch, unpack_excluded(one.excluded, len(batch))))
        else:
            taken.events.append(batch)
    return taken
