"""Moving old blocks of a record into files: written, verified, and only then dropped.

Every step may be the last one of a process. A file that the catalogue does not name is written
anew; one that it names is verified again before its blocks go, in one transaction, which leaves
alone whatever has changed since.
"""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, TypeAlias

import asyncpg

from storage.cold.archive.parquet_file import (
    ArchiveDamaged,
    Blocks,
    read_file,
    same,
    write_file,
)
from storage.cold.codec import BlockCodec
from storage.cold.engine import connect
from storage.cold.pool import Connection as PooledConnection
from storage.model.block import BlockKey, RecordBlock
from storage.model.runs import DAY_S

METERS_A_FILE: Final = 500
TIMEOUT_S: Final = 120.0
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PooledConnection"
_SEARCH: Final = "SELECT set_config('search_path', quote_ident($1), false)"
_TAIL_OF: Final = "SELECT count(*) FROM tail WHERE first_day <= $2 AND last_day >= $1"
_PARTS: Final = """
    SELECT register, interval_s, to_char(to_timestamp(day::bigint * 86400) AT TIME ZONE 'UTC',
        'YYYY-MM') AS month, count(*) AS blocks, sum(present) AS readings,
        sum(octet_length(body)) AS size
    FROM blocks WHERE day < $1 GROUP BY 1, 2, 3 ORDER BY 3, 1, 2
"""
_METERS: Final = """
    SELECT DISTINCT meter_id FROM blocks
    WHERE register = $1 AND interval_s = $2 AND day BETWEEN $3 AND $4 AND meter_id > $5
    ORDER BY meter_id LIMIT $6
"""
_BODIES: Final = """
    SELECT meter_id, day, body FROM blocks
    WHERE register = $1 AND interval_s = $2 AND day BETWEEN $3 AND $4
        AND meter_id BETWEEN $5 AND $6
"""
_NOTE: Final = """
    INSERT INTO archive_files (path, sha256, size, readings, blocks, first_day, last_day,
        interval_s, register, first_meter, last_meter)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (path) DO UPDATE SET sha256 = excluded.sha256, size = excluded.size,
        readings = excluded.readings, blocks = excluded.blocks, written_at = clock_timestamp()
    WHERE archive_files.dropped_at IS NULL
"""
_DROP: Final = """
    DELETE FROM blocks USING unnest($1::text[], $2::int[], $3::bytea[]) AS k (meter_id, day, body)
    WHERE blocks.meter_id = k.meter_id AND blocks.day = k.day AND blocks.body = k.body
        AND register = $4 AND interval_s = $5
"""


class ArchiveRefused(ValueError):
    """What is asked for may not be archived, or not now; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A month of a register and interval length: what a folder of the archive holds."""

    register: str
    interval_s: int
    month: str
    blocks: int
    readings: int
    size: int

    @property
    def days(self) -> tuple[int, int]:
        """First and last UTC day since 1970."""
        first = date.fromisoformat(f"{self.month}-01")
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        return _day(first), _day(following) - 1

    def folder(self, tenant: str) -> Path:
        """Where it lies in the archive, in the way of partitions that other tools read."""
        register = self.register.replace(":", "_")
        return Path(
            f"tenant={tenant}",
            f"month={self.month}",
            f"register={register}",
            f"interval_s={self.interval_s}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What became of a part."""

    part: Part
    files: int
    file_bytes: int
    dropped: int


@asynccontextmanager
async def opened_record(database_url: str, *, schema: str) -> AsyncIterator[Connection]:
    """A connection of the administrator that finds a tenant's tables first."""
    connection = await connect(
        database_url, application_name="gridfaas-archive", command_timeout_s=TIMEOUT_S
    )
    try:
        await connection.execute(_SEARCH, schema)
        yield connection
    finally:
        await connection.close(timeout=TIMEOUT_S)


async def parts_before(connection: Connection, day: int) -> list[Part]:
    """The whole months that ended before `day` (UTC, since 1970), oldest first."""
    rows = await connection.fetch(_PARTS, day)
    found = [
        Part(
            register=row["register"],
            interval_s=row["interval_s"],
            month=row["month"],
            blocks=row["blocks"],
            readings=row["readings"],
            size=row["size"],
        )
        for row in rows
    ]
    return [part for part in found if part.days[1] < day]


async def archive(
    connection: Connection,
    part: Part,
    *,
    tenant: str,
    root: Path,
    meters_a_file: int = METERS_A_FILE,
) -> Moved:
    """Write a part into files, verify them by reading them back, then drop its blocks.

    A file holds the blocks of up to `meters_a_file` meters, which are in memory at once.

    Raises:
        ArchiveRefused: some of its readings wait in the tail: fold first.
        ArchiveDamaged: a file does not read back as it was written; nothing was dropped.
        ArchiveMissing, BlockDamaged, OSError, asyncpg.PostgresError: files may be left; run again.
    """
    first, last = part.days
    if await connection.fetchval(_TAIL_OF, first, last):
        raise ArchiveRefused(f"readings of {part.month} wait in the tail; they are folded soon")
    files = size = dropped = 0
    async for meters in _meter_pages(connection, part, meters_a_file):
        rows = await connection.fetch(
            _BODIES, part.register, part.interval_s, first, last, meters[0], meters[-1]
        )
        blocks = _decoded(rows, part)
        # Named by the first meter: a page that was written before is written over.
        path = part.folder(tenant) / f"{_safe(meters[0])}.parquet"
        if await connection.fetchval(
            "SELECT dropped_at IS NOT NULL FROM archive_files WHERE path = $1", str(path)
        ):
            # Late readings of a month that is archived: a file beside it.
            path = path.with_name(f"{path.stem}-{time.time_ns()}.parquet")
        written = write_file(root / path, blocks)
        check_file(root / path, blocks, part=part, sha256=written.sha256)
        await connection.execute(
            _NOTE,
            str(path),
            written.sha256,
            written.size,
            written.rows,
            len(blocks),
            first,
            last,
            part.interval_s,
            part.register,
            meters[0],
            meters[-1],
        )
        dropped += await _drop(connection, rows, part, path)
        files, size = files + 1, size + written.size
    return Moved(part=part, files=files, file_bytes=size, dropped=dropped)


def check_file(path: Path, blocks: Blocks, *, part: Part, sha256: str) -> None:
    """Read a file back and compare it with the blocks that it must hold.

    Raises:
        ArchiveDamaged: it holds something else.
    """
    found = read_file(
        path, register=part.register, interval_s=part.interval_s, expected_sha256=sha256
    )
    if found.keys() != blocks.keys() or not all(same(found[key], blocks[key]) for key in found):
        raise ArchiveDamaged(f"{path} does not read back as the blocks that were written")


async def _drop(connection: Connection, rows: list[asyncpg.Record], part: Part, path: Path) -> int:
    async with connection.transaction():
        done = await connection.execute(
            _DROP,
            [row["meter_id"] for row in rows],
            [row["day"] for row in rows],
            [row["body"] for row in rows],
            part.register,
            part.interval_s,
        )
        await connection.execute(
            "UPDATE archive_files SET dropped_at = clock_timestamp() WHERE path = $1", str(path)
        )
    return int(done.rpartition(" ")[2])


async def _meter_pages(
    connection: Connection, part: Part, at_once: int
) -> AsyncIterator[list[str]]:
    first, last = part.days
    after = ""
    while True:
        found = await connection.fetch(
            _METERS, part.register, part.interval_s, first, last, after, at_once
        )
        if not found:
            return
        meters = [row["meter_id"] for row in found]
        yield meters
        after = meters[-1]


def _decoded(rows: list[asyncpg.Record], part: Part) -> dict[BlockKey, RecordBlock]:
    codec = BlockCodec(DAY_S // part.interval_s)
    return {
        BlockKey(row["meter_id"], part.register, row["day"], part.interval_s): codec.decode(
            [row["body"]]
        )
        for row in rows
    }


def _safe(name: str) -> str:
    return "".join(_escaped(name))


def _escaped(name: str) -> Iterator[str]:
    for letter in name:
        plain = letter.isascii() and (letter.isalnum() or letter in "-_")
        yield letter if plain else "".join(f"%{byte:02X}" for byte in letter.encode())


def _day(at: date) -> int:
    return (at - date(1970, 1, 1)).days
