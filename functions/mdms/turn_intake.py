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

TURN_BYTES: Final = 8 << 20
TURN_READINGS: Final = 250_000


@dataclass(slots=True)
class TurnIntake:
    """The oldest that `waiting`: batches of runs with what each excludes, and events.

    `more_waits` says that more than a turn takes may wait behind.
    """

    waiting: list[Waiting] = field(default_factory=list)
    batches: list[tuple[RunBatch, NDArray[np.bool_]]] = field(default_factory=list)
    events: list[EventBatch] = field(default_factory=list)
    more_waits: bool = False


async def take_turn(queue: ValidationQueue, *, most_readings: int = TURN_READINGS) -> TurnIntake:
    """Open what waits, up to the batch that reaches `most_readings`.

    Raises:
        StoreUnavailable: no answer before the deadline.
    """
    waiting = await queue.waiting(max_bytes=TURN_BYTES)
    # Full, or nearly: the next batch, which did not fit, is unknown.
    taken = TurnIntake(more_waits=2 * sum(one.size for one in waiting) >= TURN_BYTES)
    readings = 0
    for one in waiting:
        if readings >= most_readings:
            taken.more_waits = True
            break
        batch = decode_payload(one.payload)
        if isinstance(batch, RunBatch):
            taken.batches.append((batch, unpack_excluded(one.excluded, len(batch))))
        else:
            taken.events.append(batch)
        taken.waiting.append(one)
        readings += len(batch)
    return taken
