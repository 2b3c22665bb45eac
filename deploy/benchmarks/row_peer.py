"""The peer of queries: the same readings in a table with a row a reading, keyed (meter, at)."""

import io
import re
from datetime import datetime
from typing import Final, TypeAlias

import asyncpg
import numpy as np

from deploy.benchmarks.query_load import Fleet
from deploy.benchmarks.step import DAY_S, INTERVAL_S, SLOTS

TABLE: Final = "public.readings_by_row"
LOAD_TIMEOUT_S: Final = 1_800.0
_EPOCH_S: Final = 946_684_800
_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_ROW: Final = np.dtype(
    [
        ("fields", ">i2"),
        ("meter_bytes", ">i4"),
        ("meter", ">i4"),
        ("at_bytes", ">i4"),
        ("at", ">i8"),
        ("value_bytes", ">i4"),
        ("value", ">i4"),
    ]
)
CALENDAR: Final = "public.calendar"
# The period of each quarter hour is in a table of its own: no row's local time is computed. It is
# an ordinary table, as PostgreSQL reads no temporary one in parallel.
_BY_CALENDAR: Final = f"""
    SELECT meter, period, sum(value), count(*)
    FROM {TABLE} JOIN {CALENDAR} USING (at)
    WHERE at >= $1 AND at < $2 GROUP BY meter, period
"""
_BY_CLOCK: Final = f"""
    SELECT meter,
        CASE WHEN extract(isodow FROM at AT TIME ZONE 'Asia/Baghdad') <= 5
                AND (at AT TIME ZONE 'Asia/Baghdad')::time >= '17:00'
                AND (at AT TIME ZONE 'Asia/Baghdad')::time < '21:00' THEN 0
            WHEN (at AT TIME ZONE 'Asia/Baghdad')::time < '06:00' THEN 1
            ELSE 2 END AS period,
        sum(value), count(*)
    FROM {TABLE} WHERE at >= $1 AND at < $2 GROUP BY meter, period
"""
QUERIES: Final = {"by_calendar": _BY_CALENDAR, "by_clock": _BY_CLOCK}
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def make_table(connection: Connection) -> None:
    """Make the table; its key comes once the rows are there."""
    await connection.execute(
        f"CREATE TABLE {TABLE} (meter int NOT NULL, at timestamptz NOT NULL, value int NOT NULL)"
    )


async def fill_day(connection: Connection, fleet: Fleet, day: int) -> None:
    """Copy a day's rows in the order of time, as they come live."""
    rows = np.empty((SLOTS, fleet.meters), dtype=_ROW)
    for name in ("meter", "at", "value"):
        rows[f"{name}_bytes"] = _ROW[name].itemsize
    rows["fields"] = 3
    rows["meter"] = np.arange(fleet.meters)
    at_s = day * DAY_S + np.arange(SLOTS, dtype=np.int64) * INTERVAL_S
    rows["at"] = ((at_s - _EPOCH_S) * 1_000_000)[:, None]
    rows["value"] = fleet.values(day).T
    schema, _, table = TABLE.partition(".")
    await connection.copy_to_table(
        table,
        schema_name=schema,
        source=io.BytesIO(_SIGNATURE + rows.tobytes() + _TRAILER),
        format="binary",
        timeout=LOAD_TIMEOUT_S,
    )


async def finish(connection: Connection) -> None:
    """Make the key, and vacuum."""
    await connection.execute(
        f"ALTER TABLE {TABLE} ADD PRIMARY KEY (meter, at)", timeout=LOAD_TIMEOUT_S
    )
    await connection.execute(f"VACUUM (ANALYZE, FREEZE) {TABLE}", timeout=LOAD_TIMEOUT_S)


async def set_calendar(connection: Connection, at_s: list[int], periods: list[int]) -> None:
    """Say of which period each quarter hour is."""
    await connection.execute(f"CREATE TABLE {CALENDAR} (at timestamptz PRIMARY KEY, period int)")
    await connection.execute(
        f"INSERT INTO {CALENDAR} SELECT to_timestamp(s), p"
        " FROM unnest($1::bigint[], $2::int[]) AS given (s, p)",
        at_s,
        periods,
    )
    await connection.execute(f"VACUUM (ANALYZE, FREEZE) {CALENDAR}")


async def planned_workers(connection: Connection, name: str, *bounds: datetime) -> int:
    """How many processes PostgreSQL's plan of a query adds to the one that was asked."""
    [[plan]] = await connection.fetch(f"EXPLAIN (FORMAT JSON) {QUERIES[name]}", *bounds)
    return sum(int(found) for found in re.findall(r'"Workers Planned": (\d+)', plan))


async def bytes_on_disk(connection: Connection) -> int:
    """Table and key."""
    found: int = await connection.fetchval("SELECT pg_total_relation_size($1::regclass)", TABLE)
    return found
