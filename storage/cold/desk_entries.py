"""What the desk writes enters the record as an edge's entries do: stamped, into the tail."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from storage.cold.pool import Connection
from storage.cold.tail import seal
from storage.model.events import EventBatch
from storage.model.payload import Batch
from storage.model.runs import DAY_S, RunBatch
from storage.model.stamp import EPOCH_MARK
from storage.model.uplink import UplinkEntry

# The row is held until the transaction ends, so that stamps are in the order of the commits.
_DRAW: Final = """
    WITH clock AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us)
    UPDATE desk SET epoch = CASE WHEN epoch = 0 THEN us ELSE epoch END,
        sequence = greatest(sequence, us) + $1
    FROM clock RETURNING epoch, sequence
"""
_APPEND: Final = """
    INSERT INTO tail (edge, first_sequence, last_sequence, first_day, last_day, entries, readings,
        body)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_DESK_EDGE: Final = "SELECT epoch FROM desk"


async def enter(connection: Connection, batches: Sequence[Batch], *, zone: str) -> list[int]:
    """Append each batch with a stamp of its own; return their sequences, which rise.

    The stamps' edge is that of `zone`. They enter with the caller's transaction, or not at all.
    """
    if not batches:
        return []
    row = await connection.fetchrow(_DRAW, len(batches))
    assert row is not None, "the migration that makes the desk gives it its row"
    first = int(row["sequence"]) - len(batches) + 1
    sequences = list(range(first, first + len(batches)))
    edge = f"{zone}{EPOCH_MARK}{row['epoch']}"
    sealed = seal(
        [
            UplinkEntry(edge, sequence, b"", batch.encode())
            for sequence, batch in zip(sequences, batches, strict=True)
        ]
    )
    await connection.execute(
        _APPEND,
        sealed.edge,
        sealed.first_sequence,
        sealed.last_sequence,
        sealed.first_day,
        sealed.last_day,
        sealed.entries,
        sealed.readings,
        sealed.body,
    )
    return sequences


async def edge_of_desk(connection: Connection, *, zone: str) -> str:
    """The edge in the stamps of what the desk entered."""
    return f"{zone}{EPOCH_MARK}{await connection.fetchval(_DESK_EDGE)}"


def batch_of(
    *,
    meter_id: str,
    register: str,
    interval_s: int,
    start_s: int,
    values: Sequence[int],
    quality: Sequence[int],
) -> Batch:
    """One meter's consecutive intervals from `start_s` on, or with length 0 one register read."""
    if interval_s == 0:
        return EventBatch(
            meters=[meter_id],
            registers=[register],
            event_meter=np.zeros(1, dtype=np.int32),
            event_register=np.zeros(1, dtype=np.uint8),
            event_interval_s=np.zeros(1, dtype=np.int32),
            at=np.array([start_s], dtype=np.int64),
            values=np.array(values, dtype=np.int64),
            quality=np.array(quality, dtype=np.uint8),
        )
    start = start_s + np.arange(len(values), dtype=np.int64) * interval_s
    heads = np.flatnonzero(np.diff(start // DAY_S, prepend=-1))
    return RunBatch(
        meters=[meter_id],
        registers=[register],
        run_meter=np.zeros(len(heads), dtype=np.int32),
        run_register=np.zeros(len(heads), dtype=np.uint8),
        run_interval_s=np.full(len(heads), interval_s, dtype=np.int32),
        run_start=start[heads],
        run_length=np.diff(heads, append=len(values)).astype(np.int32),
        values=np.array(values, dtype=np.int32),
        quality=np.array(quality, dtype=np.uint8),
    )
