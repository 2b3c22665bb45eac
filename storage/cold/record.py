"""A tenant's record at headquarters: a live tail that commits fast, and blocks that last."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.cold import folding, reading
from storage.cold.found import take_findings
from storage.cold.pool import Connection, Pool, single_statements, transaction
from storage.cold.tail import TailRow, seal
from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.findings import is_findings
from storage.model.received import Received, TooManyGaps
from storage.model.revision import Revision
from storage.model.uplink import UplinkEntry
from storage.ports import FoldStep, StoreFull, TailState

APPEND_TIMEOUT_S: Final = 15.0
FOLD_TIMEOUT_S: Final = 60.0
READ_TIMEOUT_S: Final = 20.0
GAPS_RETRY_AFTER_S: Final = 5
MAX_EDGES: Final = 4_096
"""Of one calling zone: its children, and what they were before each loss of a store."""
_MAX_EDGE_NAME: Final = 64

# One statement, so that two posts of the same entries cannot both find the old watermark. Only for
# entries that follow on what is there: $10 is the sequence that has to be.
_APPEND = """
    WITH moved AS (
        UPDATE uplink_position SET sequence = $3
        WHERE caller = $9 AND edge = $1 AND sequence < $2 AND sequence >= $10 AND ahead = '{}'
        RETURNING edge
    )
    INSERT INTO tail (edge, first_sequence, last_sequence, first_day, last_day, entries, readings,
        body)
    SELECT edge, $2, $3, $4, $5, $6, $7, $8 FROM moved
"""
_TAIL_STATE = """
    SELECT coalesce(sum(entries), 0) AS entries, coalesce(sum(readings), 0) AS readings,
        coalesce(extract(epoch FROM now() - min(received_at)), 0) AS oldest_s,
        coalesce(extract(epoch FROM now() - max(received_at)), 0) AS newest_s,
        coalesce(max(last_day), 0) AS last_day
    FROM tail
"""
_INSERT = """
    INSERT INTO tail (edge, first_sequence, last_sequence, first_day, last_day, entries, readings,
        body)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_RECEIVED = """
    SELECT sequence, ahead FROM uplink_position WHERE caller = $1 AND edge = $2 FOR UPDATE
"""
_RECEIVE = "UPDATE uplink_position SET sequence = $3, ahead = $4 WHERE caller = $1 AND edge = $2"
_NEW_EDGE = """
    INSERT INTO uplink_position (caller, edge, sequence)
    SELECT $1, $2, -1 WHERE (SELECT count(*) FROM uplink_position WHERE caller = $1) < $3
    ON CONFLICT DO NOTHING
"""


class EdgeRefused(ValueError):
    """An uplink entry comes from an edge that the record does not take."""


class PostgresRecordStore:
    """Keeps `storage.ports.RecordStore` in the schema that the pool's login finds first."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def append(self, entries: Sequence[UplinkEntry], *, caller: str = "") -> int:
        """Commit `entries` that zone `caller` brings; return how many are durable (all).

        Each is committed once, in whatever order `caller` brings them: see
        `storage.model.received`. One that another zone brought too is stored twice until the
        fold, which knows it by its stamp. Findings open and close exceptions.

        Raises:
            StoreFull: an edge's entries have more gaps than are kept; nothing was written.
            EdgeRefused: an edge's name is unusable, or it is one too many; nothing was written.
            StoreUnavailable: no answer before the deadline; sending again is safe.
        """
        by_edge: defaultdict[str, list[UplinkEntry]] = defaultdict(list)
        findings = [entry for entry in entries if is_findings(entry.payload)]
        readings = [entry for entry in entries if not is_findings(entry.payload)]
        for entry in sorted(readings, key=lambda entry: (entry.edge, entry.sequence)):
            of_edge = by_edge[entry.edge]
            if not of_edge or of_edge[-1].sequence < entry.sequence:
                of_edge.append(entry)
        for edge in by_edge:
            if not 0 < len(edge) <= _MAX_EDGE_NAME or not edge.isprintable():
                raise EdgeRefused(f"unusable edge name {edge[:_MAX_EDGE_NAME]!r}")
        sealed = [(seal(of_edge), of_edge) for of_edge in by_edge.values()]
        if len(sealed) == 1 and not findings:
            # Mostly so: one statement is a transaction of its own, without the trips of a larger.
            [(row, of_edge)] = sealed
            follows = _follows(of_edge)
            if follows is not None:
                async with single_statements(self._pool, within_s=APPEND_TIMEOUT_S) as connection:
                    if await _append_row(connection, row, caller, follows):
                        return len(entries)
        if sealed or findings:
            # Edges in the order of their names, so that two posts cannot wait for one another.
            async with transaction(self._pool, within_s=APPEND_TIMEOUT_S) as connection:
                for row, of_edge in sealed:
                    follows = _follows(of_edge)
                    if follows is None or not await _append_row(connection, row, caller, follows):
                        await _append_rest(connection, of_edge, caller)
                if findings:
                    await take_findings(connection, findings)
        return len(entries)

    async def fold(
        self,
        *,
        max_entries: int,
        max_readings: int = folding.MAX_READINGS,
        max_slots: int = folding.MAX_SLOTS,
    ) -> FoldStep:
        """Move the oldest entries of the tail into blocks, in one transaction.

        Takes whole tail rows with up to so many entries and readings, at least one, and writes
        their blocks up to `max_slots` slots, at least one block; what is left of the rows stays
        in the tail. Unreadable entries go to `quarantine`.

        Raises:
            BlockDamaged: a stored block is unreadable; the tail keeps its entries.
            StoreUnavailable: not done before the deadline; nothing moved, or everything.
        """
        async with transaction(self._pool, within_s=FOLD_TIMEOUT_S) as connection:
            return await folding.fold(
                connection,
                max_entries=max_entries,
                max_readings=max_readings,
                max_slots=max_slots,
            )

    async def waiting(self) -> TailState:
        """Return how much waits in the tail, and for how long."""
        async with transaction(self._pool, within_s=READ_TIMEOUT_S, snapshot=True) as connection:
            [found] = await connection.fetch(_TAIL_STATE)
            return TailState(
                entries=int(found["entries"]),
                readings=int(found["readings"]),
                oldest_s=float(found["oldest_s"]),
                newest_s=float(found["newest_s"]),
                last_day=int(found["last_day"]),
            )

    async def read(self, keys: Sequence[BlockKey]) -> dict[BlockKey, NDArray[np.void]]:
        """Return the slots (dtype `SLOT`) of the blocks that exist, blocks and tail merged.

        Raises:
            BlockDamaged: a stored block is unreadable.
            StoreUnavailable: no answer before the deadline.
        """
        async with transaction(self._pool, within_s=READ_TIMEOUT_S, snapshot=True) as connection:
            return await reading.read_blocks(connection, keys)

    async def read_events(self, keys: Sequence[EventKey]) -> dict[EventKey, NDArray[np.void]]:
        """Return the events (dtype `EVENT`) of the blocks that exist, blocks and tail merged.

        Raises:
            BlockDamaged, StoreUnavailable: as `read`.
        """
        async with transaction(self._pool, within_s=READ_TIMEOUT_S, snapshot=True) as connection:
            return await reading.read_events(connection, keys)

    async def read_revisions(
        self, blocks: Sequence[BlockKey], events: Sequence[EventKey]
    ) -> list[Revision]:
        """Return every version that does not count now, of blocks and tail, in order.

        Raises:
            BlockDamaged, StoreUnavailable: as `read`.
        """
        async with transaction(self._pool, within_s=READ_TIMEOUT_S, snapshot=True) as connection:
            return await reading.read_revisions(connection, blocks, events)


def _follows(entries: list[UplinkEntry]) -> int | None:
    """The sequence that has to be there for all of one edge's entries to be in order.

    -1 when any will do; None when there are gaps between them.
    """
    for before, entry in pairwise(entries):
        if entry.after is not None and entry.after > before.sequence:
            return None
    # The first entry of an edge comes after 0, which nobody has.
    return entries[0].after or -1


def _columns(row: TailRow) -> tuple[str | int | bytes, ...]:
    return (
        row.edge,
        row.first_sequence,
        row.last_sequence,
        row.first_day,
        row.last_day,
        row.entries,
        row.readings,
        row.body,
    )


async def _append_row(connection: Connection, row: TailRow, caller: str, follows: int) -> bool:
    written = await connection.execute(_APPEND, *_columns(row), caller, follows)
    return written == "INSERT 0 1"


async def _append_rest(connection: Connection, entries: list[UplinkEntry], caller: str) -> None:
    """Append those of one edge's entries that are not there yet; the edge may be new."""
    edge = entries[0].edge
    held = await connection.fetchrow(_RECEIVED, caller, edge)
    if held is None:
        await connection.execute(_NEW_EDGE, caller, edge, MAX_EDGES)
        held = await connection.fetchrow(_RECEIVED, caller, edge)
    if held is None:
        raise EdgeRefused(f"{edge!r} is one edge more than the {MAX_EDGES} that a zone may bring")
    ends = held["ahead"]
    received = Received(held["sequence"], tuple(zip(ends[::2], ends[1::2], strict=True)))
    fresh = [entry for entry in entries if not received.has(entry.sequence)]
    if not fresh:
        return
    try:
        for entry in fresh:
            received = received.with_entry(entry.sequence, after=entry.after)
    except TooManyGaps as error:
        raise StoreFull(retry_after_s=GAPS_RETRY_AFTER_S, what=f"the record ({error})") from error
    await connection.execute(_INSERT, *_columns(seal(fresh)))
    ahead = [end for one in received.ahead for end in one]
    await connection.execute(_RECEIVE, caller, edge, received.through, ahead)
