"""An independent count of what a tenant's record holds, to prove that nothing is lost or doubled.

It shares the formats with the store, but neither its merge nor its grouping.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias
from zlib import crc32

import asyncpg
import numpy as np
from numpy.typing import NDArray

from storage.cold.codec import BlockCodec
from storage.cold.engine import connect
from storage.cold.tail import EntryDamaged, OpenEntry, open_entry, unseal
from storage.model.runs import DAY_S

COMMAND_TIMEOUT_S: Final = 120.0
_SEARCH: Final = "SELECT set_config('search_path', quote_ident($1), true)"
_ROWS_AT_ONCE: Final = 256
_TAIL_AT_ONCE: Final = 8
_READINGS_A_PASS: Final = 2_000_000
_MAX_SLOTS: Final = 1440
_OF: Final = "WHERE day BETWEEN $1 AND $2"
_TAIL_OF: Final = "WHERE first_day <= $2 AND last_day >= $1"
EVERY_DAY: Final = range(-(1 << 31), 1 << 31)
# identity (block number and slot), sequence, edge number
_COPY: Final = np.dtype([("identity", "<i8"), ("sequence", "<i8"), ("edge", "<i4")])
_Key = tuple[str, str, int, int]
_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class ReadingCount:
    """`distinct` identities (meter, register, instant) with a value in blocks or tail; `found`
    adds every surplus copy: one stamp of one identity stored twice, wherever the copies are."""

    found: int
    distinct: int


async def count_readings(
    *, database_url: str, schema: str, days: range = EVERY_DAY
) -> ReadingCount:
    """Count the readings in a tenant's `schema`, in one snapshot, as an administrator.

    `days` are the UTC days that count, as consecutive numbers since 1970.

    A correction is not a surplus: its versions differ in their stamps. What is in quarantine does
    not count. Memory is bounded by 2 million readings of the tail and log at a time.

    Raises:
        storage.cold.codec.BlockDamaged, storage.cold.tail.TailDamaged: stored bytes are unreadable.
        OSError, asyncpg.PostgresError: the server cannot be reached, or refuses.
    """
    connection = await connect(
        database_url, application_name="gridfaas-audit", command_timeout_s=COMMAND_TIMEOUT_S
    )
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(_SEARCH, schema)
            return await _count(connection, days)
    finally:
        await connection.close(timeout=COMMAND_TIMEOUT_S)


async def _count(connection: _Connection, days: range) -> ReadingCount:
    pending = await connection.fetchval(
        f"SELECT (SELECT coalesce(sum(readings), 0) FROM tail {_TAIL_OF}) "
        f"+ (SELECT count(*) FROM revisions {_OF})",
        *_bounds(days),
    )
    passes = 1 + int(pending) // _READINGS_A_PASS
    distinct = surplus = 0
    for part in range(passes):
        ledger = _Ledger(part, passes, days)
        await _read_tail(connection, ledger, days)
        await _read_revisions(connection, ledger, days)
        await _read_blocks(connection, ledger, days)
        distinct += ledger.distinct()
        surplus += ledger.surplus()
    return ReadingCount(found=distinct + surplus, distinct=distinct)


class _Ledger:
    """Copies of the readings of one part of the meters, on the days that count."""

    def __init__(self, part: int, parts: int, days: range) -> None:
        self._part = part
        self._parts = parts
        self._days = days
        self._blocks: dict[_Key, int] = {}
        self._edges: dict[str, int] = {}
        self._current: list[NDArray[np.void]] = []
        self._replaced: list[NDArray[np.void]] = []
        self._alone = 0

    def covers(self, meter_id: str) -> bool:
        """Whether the meter is in this part."""
        return crc32(meter_id.encode()) % self._parts == self._part

    def add_entry(self, entry: OpenEntry) -> None:
        """Count an entry of the tail."""
        batch, offsets = entry.batch, entry.batch.offsets
        covered = [self.covers(name) for name in batch.meters]
        number = np.full(batch.runs, -1, dtype=np.int64)
        columns = (batch.run_meter, batch.run_register, batch.run_start, batch.run_interval_s)
        for run, (meter, register, start, interval_s) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            if covered[meter] and start // DAY_S in self._days:
                key = batch.meters[meter], batch.registers[register], start // DAY_S, interval_s
                number[run] = self._blocks.setdefault(key, len(self._blocks))
        run_of = np.repeat(np.arange(batch.runs), batch.run_length)
        slot = batch.run_slot[run_of] + np.arange(len(batch)) - offsets[run_of]
        kept = (number[run_of] >= 0) & ~entry.excluded
        identity = (number[run_of] * _MAX_SLOTS + slot)[kept]
        self._current.append(self._copies(identity, entry.sequence, entry.edge))

    def add_replaced(self, row: asyncpg.Record) -> None:
        """Count a version of the revisions log."""
        key = row["meter_id"], row["register"], row["day"], row["interval_s"]
        number = self._blocks.setdefault(key, len(self._blocks))
        identity = np.array([number * _MAX_SLOTS + row["slot"]])
        self._replaced.append(self._copies(identity, row["sequence"], row["edge"]))

    def add_block(self, key: _Key, body: bytes) -> None:
        """Count a block; its stamps matter only when the tail or the log names it too."""
        block = BlockCodec(DAY_S // key[3]).decode([body])
        present = np.flatnonzero(block.present)
        number = self._blocks.get(key)
        if number is None:
            self._alone += len(present)
            return
        copies = self._copies(number * _MAX_SLOTS + present, 0, "")
        edges = [self._edge(name) for name in block.edges]
        copies["sequence"] = block.sequence[present]
        copies["edge"] = np.array(edges, dtype=np.int32)[block.edge[present]]
        self._current.append(copies)

    def distinct(self) -> int:
        """Identities that have a value."""
        identities = [copies["identity"] for copies in self._current]
        return self._alone + len(np.unique(np.concatenate([np.zeros(0, np.int64), *identities])))

    def surplus(self) -> int:
        """Copies beyond the first of the same stamp of the same identity."""
        copies = np.concatenate([np.zeros(0, _COPY), *self._current, *self._replaced])
        ordered = copies[np.lexsort((copies["edge"], copies["sequence"], copies["identity"]))]
        return int((ordered[1:] == ordered[:-1]).sum())

    def _edge(self, name: str) -> int:
        return self._edges.setdefault(name, len(self._edges))

    def _copies(self, identity: NDArray[np.int64], sequence: int, edge: str) -> NDArray[np.void]:
        copies = np.empty(len(identity), dtype=_COPY)
        copies["identity"] = identity
        copies["sequence"] = sequence
        copies["edge"] = self._edge(edge)
        return copies


def _bounds(days: range) -> tuple[int, int]:
    return days[0], days[-1]


async def _read_tail(connection: _Connection, ledger: _Ledger, days: range) -> None:
    query = f"SELECT body FROM tail {_TAIL_OF} ORDER BY id"
    async for row in connection.cursor(query, *_bounds(days), prefetch=_TAIL_AT_ONCE):
        for entry in unseal(row["body"]):
            try:
                ledger.add_entry(open_entry(entry))
            except EntryDamaged:
                continue


async def _read_revisions(connection: _Connection, ledger: _Ledger, days: range) -> None:
    query = f"SELECT meter_id, register, day, interval_s, slot, sequence, edge FROM revisions {_OF}"
    async for row in connection.cursor(query, *_bounds(days), prefetch=_ROWS_AT_ONCE):
        if ledger.covers(row["meter_id"]):
            ledger.add_replaced(row)


async def _read_blocks(connection: _Connection, ledger: _Ledger, days: range) -> None:
    query = f"SELECT meter_id, register, day, interval_s, body FROM blocks {_OF}"
    async for row in connection.cursor(query, *_bounds(days), prefetch=_ROWS_AT_ONCE):
        if ledger.covers(row["meter_id"]):
            ledger.add_block(tuple(row)[:4], row["body"])
