"""Figures of a tenant's record by tier, and where one day of a meter is."""

from dataclasses import dataclass
from typing import Final

from storage.cold.pool import Connection, Pool, transaction
from storage.model.block import BlockKey

WITHIN_S: Final = 20.0
_FIGURES: Final = """
    SELECT
        (SELECT count(*) FROM blocks) AS blocks,
        (SELECT count(*) FROM event_blocks) AS event_blocks,
        ((SELECT coalesce(sum(present), 0) FROM blocks)
            + (SELECT coalesce(sum(present), 0) FROM event_blocks))::bigint AS readings,
        ((SELECT coalesce(sum(octet_length(body)), 0) FROM blocks)
            + (SELECT coalesce(sum(octet_length(body)), 0) FROM event_blocks))::bigint
            AS block_bytes,
        (SELECT min(day) FROM blocks) AS oldest_day,
        (SELECT max(day) FROM blocks) AS newest_day,
        (SELECT coalesce(sum(entries), 0)::bigint FROM tail) AS tail_entries,
        (SELECT coalesce(extract(epoch FROM now() - min(received_at)), 0)::float8 FROM tail)
            AS tail_oldest_s,
        (SELECT count(*) FROM archive_files WHERE dropped_at IS NOT NULL) AS archived_files,
        (SELECT coalesce(sum(readings), 0)::bigint FROM archive_files WHERE dropped_at IS NOT NULL)
            AS archived_readings,
        (SELECT coalesce(sum(size), 0)::bigint FROM archive_files WHERE dropped_at IS NOT NULL)
            AS archived_bytes,
        (SELECT coalesce(max(sequence), 0) FROM uplink_position) AS newest_us
"""
_ARCHIVE: Final = """
    SELECT count(*) FILTER (WHERE dropped_at IS NOT NULL) AS files,
        coalesce(sum(readings) FILTER (WHERE dropped_at IS NOT NULL), 0)::bigint AS readings,
        coalesce(sum(size) FILTER (WHERE dropped_at IS NOT NULL), 0)::bigint AS size,
        count(*) FILTER (WHERE dropped_at IS NULL) AS unfinished,
        coalesce(extract(epoch FROM max(dropped_at)), 0)::float8 AS newest_s
    FROM archive_files
"""
_ARCHIVED: Final = """
    SELECT path FROM archive_files WHERE dropped_at IS NOT NULL AND register = $2
        AND interval_s = $4 AND $3 BETWEEN first_day AND last_day
        AND $1 BETWEEN first_meter AND last_meter ORDER BY path LIMIT 1
"""
_OF_BLOCK: Final = "meter_id = $1 AND register = $2 AND day = $3 AND interval_s = $4"


@dataclass(frozen=True, slots=True, kw_only=True)
class TierFigures:
    """Sizes in bytes, days since 1970; `newest_us` is 0 when nothing was ever taken."""

    blocks: int
    event_blocks: int
    readings: int
    block_bytes: int
    oldest_day: int | None
    newest_day: int | None
    tail_entries: int
    tail_oldest_s: float
    archived_files: int
    archived_readings: int
    archived_bytes: int
    newest_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """One block: values in the record's block, rows of its log, days of the tail, its file."""

    values: int | None
    revisions: int
    in_tail: bool
    archive_file: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFigures:
    """Files that hold what left the record; `unfinished` ones have their blocks still there.

    `newest_s` is when blocks last left, seconds since 1970, 0 for never.
    """

    files: int
    readings: int
    size: int
    unfinished: int
    newest_s: float


async def archive_figures(pool: Pool) -> ArchiveFigures:
    """Look at the catalogue of the archive; raises as `figures`."""
    async with transaction(pool, within_s=WITHIN_S, snapshot=True) as connection:
        row = await connection.fetchrow(_ARCHIVE)
        assert row is not None
        return ArchiveFigures(**dict(row))


async def figures(pool: Pool) -> TierFigures:
    """Look at the whole record; it reads every row's size, so not too often.

    Raises:
        StoreUnavailable: no answer before the deadline.
    """
    async with transaction(pool, within_s=WITHIN_S, snapshot=True) as connection:
        row = await connection.fetchrow(_FIGURES)
        assert row is not None
        return TierFigures(**dict(row))


async def whereabouts(pool: Pool, key: BlockKey) -> Whereabouts:
    """Look for one block; raises as `figures`."""
    of = (key.meter_id, key.register, key.day, key.interval_s)
    async with transaction(pool, within_s=WITHIN_S, snapshot=True) as connection:
        return Whereabouts(
            values=await connection.fetchval(f"SELECT present FROM blocks WHERE {_OF_BLOCK}", *of),
            revisions=await connection.fetchval(
                f"SELECT count(*) FROM revisions WHERE {_OF_BLOCK}", *of
            ),
            in_tail=await _in_tail(connection, key),
            archive_file=await connection.fetchval(_ARCHIVED, *of),
        )


async def _in_tail(connection: Connection, key: BlockKey) -> bool:
    found = await connection.fetchval(
        "SELECT true FROM tail WHERE first_day <= $1 AND last_day >= $1 LIMIT 1", key.day
    )
    return bool(found)
