"""Archived blocks come back into the record: as they were, joined with what came since."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from storage.cold.archive.joining import joined_records
from storage.cold.archive.moving import Connection
from storage.cold.archive.parquet_file import read_file, same
from storage.cold.codec import BlockCodec
from storage.model.block import BlockKey, RecordBlock
from storage.model.runs import DAY_S

_HELD: Final = """
    SELECT meter_id, day, body FROM blocks
    WHERE register = $1 AND interval_s = $2 AND (meter_id, day) IN
        (SELECT * FROM unnest($3::text[], $4::int[]))
    ORDER BY meter_id, day FOR UPDATE
"""
_JOIN: Final = """
    UPDATE blocks SET present = k.present, body = k.body
    FROM unnest($3::text[], $4::int[], $5::int[], $6::bytea[]) AS k (meter_id, day, present, body)
    WHERE blocks.meter_id = k.meter_id AND blocks.day = k.day
        AND register = $1 AND interval_s = $2
"""
_PUT_BACK: Final = """
    INSERT INTO blocks (meter_id, register, day, interval_s, present, body)
    SELECT k.meter_id, $1, k.day, $2, k.present, k.body
    FROM unnest($3::text[], $4::int[], $5::int[], $6::bytea[]) AS k (meter_id, day, present, body)
    ON CONFLICT DO NOTHING
"""


async def put_back(connection: Connection, *, root: Path, first: int, last: int) -> int:
    """Put the archived blocks of UTC days `first` to `last` back into the record; return how many.

    Where the record has a block, too, both are joined by the rank of their values. The files stay,
    and so does the catalogue.

    Raises:
        ArchiveMissing, ArchiveDamaged: nothing of that file was put back.
    """
    count = 0
    for row in await connection.fetch(
        "SELECT * FROM archive_files WHERE dropped_at IS NOT NULL"
        " AND first_day <= $2 AND last_day >= $1 ORDER BY path",
        first,
        last,
    ):
        blocks = read_file(
            root / row["path"],
            register=row["register"],
            interval_s=row["interval_s"],
            expected_sha256=row["sha256"],
        )
        wanted = {key: block for key, block in blocks.items() if first <= key.day <= last}
        place = row["register"], row["interval_s"]
        async with connection.transaction():
            # New ones first: a block that is made meanwhile is waited for, and joined.
            done = await connection.execute(_PUT_BACK, *place, *_columns(wanted))
            joined = await _joined_with_record(connection, wanted, place)
            if joined:
                await connection.execute(_JOIN, *place, *_columns(joined))
        count += int(done.rpartition(" ")[2]) + len(joined)
    return count


async def _joined_with_record(
    connection: Connection, wanted: Mapping[BlockKey, RecordBlock], place: tuple[str, int]
) -> dict[BlockKey, RecordBlock]:
    """The blocks of the record that change by what comes back."""
    register, interval_s = place
    codec = BlockCodec(DAY_S // interval_s)
    columns = [key.meter_id for key in wanted], [key.day for key in wanted]
    found: dict[BlockKey, RecordBlock] = {}
    for row in await connection.fetch(_HELD, register, interval_s, *columns):
        key = BlockKey(row["meter_id"], register, row["day"], interval_s)
        held = codec.decode([row["body"]])
        whole = joined_records(held, wanted[key])
        if not same(whole, held):
            found[key] = whole
    return found


def _columns(
    blocks: Mapping[BlockKey, RecordBlock],
) -> tuple[list[str], list[int], list[int], list[bytes]]:
    """Meter, day, number of values and body of each block, which are of one length."""
    keys = list(blocks)
    codec = BlockCodec(keys[0].slots if keys else 1)
    return (
        [key.meter_id for key in keys],
        [key.day for key in keys],
        [int(blocks[key].present.sum()) for key in keys],
        [codec.encode(blocks[key])[0] for key in keys],
    )
