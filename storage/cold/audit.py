"""An independent count of what a tenant's record holds, to prove that nothing is lost or doubled.

It shares the formats with the store, but neither its merge nor its grouping.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import asyncpg

from storage.cold.audit_ledger import EVENTS, SLOTS, Key, Ledger
from storage.cold.codec import BlockCodec
from storage.cold.engine import connect
from storage.cold.event_codec import EventCodec
from storage.cold.tail import EntryDamaged, open_entry, unseal
from storage.model.runs import DAY_S

COMMAND_TIMEOUT_S: Final = 120.0
LOCK_WAIT_S: Final = 3.0
_SEARCH: Final = "SELECT set_config('search_path', quote_ident($1), true)"
_WAIT: Final = "SELECT set_config('lock_timeout', $1, true)"
_ROWS_AT_ONCE: Final = 256
_TAIL_AT_ONCE: Final = 8
_BLOCKS_AT_ONCE: Final = 2_048
# A block by itself is decoded at ten times the cost.
_SLOTS_AT_ONCE: Final = 1 << 18
_READINGS_A_PASS: Final = 2_000_000
_OF: Final = "WHERE day BETWEEN $1 AND $2"
_TAIL_OF: Final = "WHERE first_day <= $2 AND last_day >= $1"
EVERY_DAY: Final = range(-(1 << 31), 1 << 31)
_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class RecordLocked(OSError):
    """A table of a tenant stays locked by a session of the tenant's, so it cannot be counted."""

    def __init__(self, schema: str) -> None:
        super().__init__(f"a table of {schema} was locked for {LOCK_WAIT_S:.0f} s")


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
        RecordLocked: somebody keeps a table of the schema locked.
        OSError, asyncpg.PostgresError: the server cannot be reached, or refuses.
    """
    connection = await connect(
        database_url, application_name="gridfaas-audit", command_timeout_s=COMMAND_TIMEOUT_S
    )
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(_SEARCH, schema)
            await connection.execute(_WAIT, f"{LOCK_WAIT_S:.0f}s")
            return await _count(connection, days)
    except asyncpg.LockNotAvailableError as error:
        raise RecordLocked(schema) from error
    finally:
        await connection.close(timeout=COMMAND_TIMEOUT_S)


async def _count(connection: _Connection, days: range) -> ReadingCount:
    pending = await connection.fetchval(
        f"SELECT (SELECT coalesce(sum(readings), 0) FROM tail {_TAIL_OF})"
        f" + (SELECT count(*) FROM revisions {_OF})"
        f" + (SELECT count(*) FROM event_revisions {_OF})",
        *_bounds(days),
    )
    passes = 1 + int(pending) // _READINGS_A_PASS
    distinct = surplus = 0
    for part in range(passes):
        ledger = Ledger(part, passes, days)
        await _read_tail(connection, ledger, days)
        for kind, log in ((SLOTS, "revisions"), (EVENTS, "event_revisions")):
            await _read_revisions(connection, ledger, days, kind=kind, log=log)
        await _read_blocks(connection, ledger, days)
        await _read_event_blocks(connection, ledger, days)
        distinct += ledger.distinct()
        surplus += ledger.surplus()
    return ReadingCount(found=distinct + surplus, distinct=distinct)


def _bounds(days: range) -> tuple[int, int]:
    return days[0], days[-1]


async def _read_tail(connection: _Connection, ledger: Ledger, days: range) -> None:
    query = f"SELECT body FROM tail {_TAIL_OF} ORDER BY id"
    async for row in connection.cursor(query, *_bounds(days), prefetch=_TAIL_AT_ONCE):
        for entry in unseal(row["body"]):
            try:
                ledger.add_entry(open_entry(entry))
            except EntryDamaged:
                continue


async def _read_revisions(
    connection: _Connection, ledger: Ledger, days: range, *, kind: str, log: str
) -> None:
    query = f"SELECT meter_id, register, day, interval_s, slot, sequence, edge FROM {log} {_OF}"
    async for row in connection.cursor(query, *_bounds(days), prefetch=_ROWS_AT_ONCE):
        if ledger.covers(row["meter_id"]):
            key = (kind, *tuple(row)[:4])
            ledger.add_replaced(key, row["slot"], row["sequence"], row["edge"])


async def _read_blocks(connection: _Connection, ledger: Ledger, days: range) -> None:
    query = f"SELECT meter_id, register, day, interval_s, body FROM blocks {_OF}"
    alone: defaultdict[int, list[bytes]] = defaultdict(list)
    named: defaultdict[int, list[tuple[Key, bytes]]] = defaultdict(list)
    async for row in connection.cursor(query, *_bounds(days), prefetch=_BLOCKS_AT_ONCE):
        if not ledger.covers(row["meter_id"]):
            continue
        *names, interval_s, body = row
        key = (SLOTS, *names, interval_s)
        if ledger.names(key):
            named[interval_s].append((key, body))
            if len(named[interval_s]) * DAY_S >= _SLOTS_AT_ONCE * interval_s:
                _add_named(ledger, named.pop(interval_s), interval_s)
            continue
        alone[interval_s].append(body)
        if len(alone[interval_s]) * DAY_S >= _SLOTS_AT_ONCE * interval_s:
            ledger.add_alone(_readings_in(alone.pop(interval_s), interval_s))
    for interval_s, pairs in named.items():
        _add_named(ledger, pairs, interval_s)
    for interval_s, bodies in alone.items():
        ledger.add_alone(_readings_in(bodies, interval_s))


def _add_named(ledger: Ledger, pairs: Sequence[tuple[Key, bytes]], interval_s: int) -> None:
    blocks = BlockCodec(DAY_S // interval_s).decode([body for _, body in pairs])
    ledger.add_named([key for key, _ in pairs], blocks)


def _readings_in(bodies: Sequence[bytes], interval_s: int) -> int:
    return int(BlockCodec(DAY_S // interval_s).decode(bodies).present.sum())


async def _read_event_blocks(connection: _Connection, ledger: Ledger, days: range) -> None:
    query = f"SELECT meter_id, register, day, interval_s, body FROM event_blocks {_OF}"
    async for row in connection.cursor(query, *_bounds(days), prefetch=_ROWS_AT_ONCE):
        if ledger.covers(row["meter_id"]):
            events = EventCodec().decode([row["body"]])
            ledger.add_block((EVENTS, *tuple(row)[:4]), events.record, events.place)
