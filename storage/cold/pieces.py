"""A batch in pieces that each lie in one block: its runs, or its events one by one."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storage.cold.tail import OpenEntry
from storage.model.payload import Batch
from storage.model.runs import RunBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """P pieces, as columns; `slot` is the first of `length` consecutive slots of a block."""

    meter: NDArray[np.int32]
    register: NDArray[np.uint8]
    day: NDArray[np.int32]
    interval_s: NDArray[np.int32]
    slot: NDArray[np.int32]
    length: NDArray[np.int32]


def pieces_of(batch: Batch) -> Pieces:
    """The pieces of a batch; its readings are theirs one after another."""
    if isinstance(batch, RunBatch):
        return Pieces(
            meter=batch.run_meter,
            register=batch.run_register,
            day=batch.run_day,
            interval_s=batch.run_interval_s,
            slot=batch.run_slot,
            length=batch.run_length,
        )
    return Pieces(
        meter=batch.event_meter,
        register=batch.event_register,
        day=batch.event_day,
        interval_s=batch.event_interval_s,
        slot=batch.event_second,
        length=np.ones(len(batch), dtype=np.int32),
    )


def narrow(
    entry: OpenEntry, *, meters: frozenset[str], first_day: int, last_day: int
) -> OpenEntry | None:
    """The entry with the readings of `meters` between two days (both included) only, if any."""
    batch = entry.batch
    if meters.isdisjoint(batch.meters):
        return None
    pieces = pieces_of(batch)
    wanted = np.array([name in meters for name in batch.meters], dtype=np.bool_)
    kept = wanted[pieces.meter] & (pieces.day >= first_day) & (pieces.day <= last_day)
    if not kept.any():
        return None
    readings = np.flatnonzero(np.repeat(kept, pieces.length))
    # Without the names of the others: whoever gathers entries numbers all that they have.
    names = [name for name in batch.meters if name in meters]
    number = (np.cumsum(wanted) - 1).astype(np.int32)
    narrowed: Batch
    if isinstance(batch, RunBatch):
        narrowed = replace(
            batch,
            meters=names,
            run_meter=number[batch.run_meter[kept]],
            run_register=batch.run_register[kept],
            run_interval_s=batch.run_interval_s[kept],
            run_start=batch.run_start[kept],
            run_length=batch.run_length[kept],
            values=batch.values[readings],
            quality=batch.quality[readings],
        )
    else:
        events = batch.take(kept)
        narrowed = replace(events, meters=names, event_meter=number[events.event_meter])
    return OpenEntry(entry.edge, entry.sequence, narrowed, entry.excluded[readings])
