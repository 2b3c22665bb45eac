"""What a record holds, row by row, as SHA-256 sums in a file: two records compare line by line.

A block's line names it and has the sum of its stored bytes; another row's has the sum of its text.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Final, TypeAlias

import asyncpg

from storage.cold.engine import connect

COMMAND_TIMEOUT_S: Final = 3_600.0
LOCK_WAIT_S: Final = 3.0
LOCK_TRIES: Final = 20
_TABLES: Final = """
    SELECT n.nspname AS schema, c.relname AS name,
        bool_or(a.attname = 'body') AND bool_or(a.attname = 'interval_s') AS of_blocks
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relkind = 'r' AND (n.nspname = 'platform' OR n.nspname LIKE 't\\_%')
    GROUP BY 1, 2 ORDER BY 1, 2
"""
_BLOCKS: Final = """
    SELECT meter_id, register, day, interval_s, present, encode(sha256(body), 'hex') FROM {}
    ORDER BY meter_id COLLATE "C", register COLLATE "C", day, interval_s
"""
_ROWS: Final = "SELECT encode(sha256(convert_to(t::text, 'UTF8')), 'hex') FROM {} t ORDER BY 1"
# The position that a restore changes on purpose.
_LEFT_OUT: Final = frozenset({("platform", "version")})
_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the record; `of_blocks`: each row is a block with a body."""

    schema: str
    name: str
    of_blocks: bool

    @property
    def quoted(self) -> str:
        """Its name in SQL."""
        return f'"{self.schema}"."{self.name}"'

    @property
    def file_name(self) -> str:
        """Name of the file with its lines."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A table on both sides; `differing` has the first lines that are on one side only."""

    table: str
    of_blocks: bool
    rows: int
    equal: bool
    differing: list[str]


async def print_at_moment(database_url: str, folder: Path) -> int:
    """Write the fingerprint of a record in use to `folder`; return its moment.

    That is UTC in microseconds: who was committed by then is in it, and nobody who came later.
    Writers wait while it is taken, for as long as two short statements last; reading what was
    there then does not hold them up.

    Raises:
        OSError, asyncpg.PostgresError: the server cannot be reached, or refuses.
    """
    reader, locker = await _connected(database_url), await _connected(database_url)
    try:
        for left in reversed(range(LOCK_TRIES)):
            tables = await _tables(reader)
            try:
                async with locker.transaction():
                    await locker.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT_S:.0f}s'")
                    every = ", ".join(table.quoted for table in tables)
                    await locker.execute(f"LOCK TABLE {every} IN SHARE MODE")
                    await reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    moment: int = await reader.fetchval(
                        "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
                    )
                break
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                if not left:
                    raise
                await asyncio.sleep(1.0)
        await _write(reader, tables, folder)
        await reader.execute("COMMIT")
        return moment
    finally:
        await asyncio.gather(reader.close(), locker.close(), return_exceptions=True)


async def print_at_rest(database_url: str, folder: Path) -> None:
    """Write the fingerprint of a record that nobody changes to `folder`."""
    connection = await _connected(database_url)
    try:
        await _write(connection, await _tables(connection), folder)
    finally:
        await connection.close()


def compare(ours: Path, theirs: Path) -> list[Compared]:
    """Compare two fingerprints, table by table."""
    names = sorted({path.name for folder in (ours, theirs) for path in folder.iterdir()})
    return [_compare_table(name, ours / name, theirs / name) for name in names]


async def _connected(database_url: str) -> _Connection:
    return await connect(
        database_url, application_name="gridfaas-drill", command_timeout_s=COMMAND_TIMEOUT_S
    )


async def _tables(connection: _Connection) -> list[Table]:
    return [
        Table(schema=row["schema"], name=row["name"], of_blocks=row["of_blocks"])
        for row in await connection.fetch(_TABLES)
        if (row["schema"], row["name"]) not in _LEFT_OUT
    ]


async def _write(connection: _Connection, tables: list[Table], folder: Path) -> None:
    for table in tables:
        select = (_BLOCKS if table.of_blocks else _ROWS).format(table.quoted)
        name = f"{table.file_name}{'.blocks' if table.of_blocks else ''}"
        await connection.copy_from_query(select, output=folder / name)


def _compare_table(name: str, ours: Path, theirs: Path) -> Compared:
    rows = 0
    differing: list[str] = []
    equal = True
    for one, other in zip_longest(_lines(ours), _lines(theirs)):
        rows += one is not None
        if one != other:
            equal = False
            differing += [
                f"{side} {line.rstrip()}"
                for side, line in (("source", one), ("restored", other))
                if line is not None
            ]
            if len(differing) >= 10:
                break
    return Compared(
        table=name.removesuffix(".blocks"),
        of_blocks=name.endswith(".blocks"),
        rows=rows,
        equal=equal,
        differing=differing[:10],
    )


def _lines(path: Path) -> Iterator[str]:
    if path.exists():
        with path.open() as file:
            yield from file
