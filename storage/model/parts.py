"""A large batch cut into smaller ones that hold the same readings in the same order."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from storage.model.events import EventBatch
from storage.model.payload import Batch
from storage.model.runs import RunBatch


def cut(batch: Batch, *, max_places: int, max_readings: int) -> list[Batch]:
    """Cut `batch` so that no part has more than `max_places` runs or events, or `max_readings`.

    A run stays whole, also one of more than `max_readings`. A part names only its own meters.
    """
    if isinstance(batch, EventBatch):
        size = min(max_places, max_readings)
        if len(batch) <= size:
            return [batch]
        return [_events(batch, at, at + size) for at in range(0, len(batch), size)]
    if batch.runs <= max_places and len(batch) <= max_readings:
        return [batch]
    offsets = batch.offsets
    parts: list[Batch] = []
    first = 0
    while first < batch.runs:
        fit = int(np.searchsorted(offsets, offsets[first] + max_readings, side="right")) - 1
        last = max(first + 1, min(fit, first + max_places))
        parts.append(_runs(batch, slice(first, last), slice(offsets[first], offsets[last])))
        first = last
    return parts


def _runs(batch: RunBatch, runs: slice, readings: slice) -> RunBatch:
    meters, run_meter = _named(batch.meters, batch.run_meter[runs])
    return replace(
        batch,
        meters=meters,
        run_meter=run_meter,
        run_register=batch.run_register[runs],
        run_interval_s=batch.run_interval_s[runs],
        run_start=batch.run_start[runs],
        run_length=batch.run_length[runs],
        values=batch.values[readings],
        quality=batch.quality[readings],
    )


def _events(batch: EventBatch, first: int, last: int) -> EventBatch:
    part = batch.take(np.arange(first, min(last, len(batch))))
    meters, event_meter = _named(part.meters, part.event_meter)
    return replace(part, meters=meters, event_meter=event_meter)


def _named(meters: list[str], index: NDArray[np.int32]) -> tuple[list[str], NDArray[np.int32]]:
    used, renumbered = np.unique(index, return_inverse=True)
    return [meters[at] for at in used.tolist()], renumbered.astype(np.int32)
