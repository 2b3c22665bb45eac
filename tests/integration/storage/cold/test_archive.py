"""The archive: what leaves the record is in verified files, and comes back as it was."""

from collections import Counter
from pathlib import Path

import asyncpg
import numpy as np
import pytest
from arro3.io import read_parquet

from storage.cold.archive.moving import (
    ArchiveRefused,
    Part,
    archive,
    opened_record,
    parts_before,
)
from storage.cold.archive.parquet_file import ArchiveDamaged
from storage.cold.archive.returning import put_back
from storage.cold.pool import Pool
from storage.cold.record import PostgresRecordStore
from storage.model.block import PRESENT
from tests.contract.record_versions import a_day_of_traffic, expected
from tests.integration.storage.cold.tenant import SCHEMA, TENANT

Admin = asyncpg.Connection
LATER = 40_000


@pytest.fixture
async def record(pool: Pool) -> PostgresRecordStore:
    """A record with a day of traffic, folded."""
    store = PostgresRecordStore(pool)
    await store.append(a_day_of_traffic(7))
    while (await store.fold(max_entries=100)).moved:
        pass
    return store


def files(root: Path) -> list[Path]:
    return sorted(root.rglob("*.parquet"))


async def months(database_url: str) -> list[Part]:
    async with opened_record(database_url, schema=SCHEMA) as connection:
        return await parts_before(connection, LATER)


async def archived(database_url: str, root: Path) -> int:
    dropped = 0
    async with opened_record(database_url, schema=SCHEMA) as connection:
        for part in await parts_before(connection, LATER):
            dropped += (await archive(connection, part, tenant=TENANT, root=root)).dropped
    return dropped


async def test_blocks_leave_for_files_and_come_back_as_they_were(
    record: PostgresRecordStore, database_url: str, tmp_path: Path
) -> None:
    held = expected(a_day_of_traffic(7))
    keys = list(held)

    assert await archived(database_url, tmp_path) == len(keys)

    assert await record.read(keys) == {}
    assert await months(database_url) == []
    values = Counter(key.register for key in keys for _ in np.flatnonzero(held[key]["flags"]))
    rows = Counter(
        path.parts[-3].removeprefix("register=").replace("_", ":", 1)
        for path in files(tmp_path)
        for _ in range(read_parquet(path).read_all().num_rows)
    )
    assert rows == values

    async with opened_record(database_url, schema=SCHEMA) as connection:
        assert await put_back(connection, root=tmp_path, first=0, last=LATER) == len(keys)
        assert await put_back(connection, root=tmp_path, first=0, last=LATER) == 0
    again = await record.read(keys)
    assert again.keys() == held.keys()
    for key in keys:
        np.testing.assert_array_equal(again[key], held[key])


async def test_readings_that_come_after_their_month_left_join_what_comes_back(
    record: PostgresRecordStore, database_url: str, tmp_path: Path
) -> None:
    await archived(database_url, tmp_path)
    first = files(tmp_path)
    await record.append(a_day_of_traffic(8))
    while (await record.fold(max_entries=100)).moved:
        pass

    await archived(database_url, tmp_path)

    assert set(first) < set(files(tmp_path))


async def test_a_damaged_file_is_never_put_back(
    record: PostgresRecordStore, database_url: str, tmp_path: Path
) -> None:
    await archived(database_url, tmp_path)
    path = files(tmp_path)[0]
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)

    async with opened_record(database_url, schema=SCHEMA) as connection:
        with pytest.raises(ArchiveDamaged, match="SHA-256"):
            await put_back(connection, root=tmp_path, first=0, last=LATER)

    assert await record.read(list(expected(a_day_of_traffic(7)))) == {}


async def test_nothing_leaves_while_readings_wait_in_the_tail(
    record: PostgresRecordStore, database_url: str, tmp_path: Path
) -> None:
    await record.append(a_day_of_traffic(8))

    with pytest.raises(ArchiveRefused, match="tail"):
        await archived(database_url, tmp_path)

    assert files(tmp_path) == []


async def test_nothing_leaves_when_the_file_cannot_be_written(
    record: PostgresRecordStore, database_url: str, tmp_path: Path
) -> None:
    taken = tmp_path / "a-file"
    taken.write_text("no folder")

    with pytest.raises(OSError, match="a-file"):
        await archived(database_url, taken)

    found = await record.read(list(expected(a_day_of_traffic(7))))
    assert found.keys() == expected(a_day_of_traffic(7)).keys()


async def test_an_archive_that_was_cut_short_is_done_again(
    record: PostgresRecordStore, database_url: str, admin: Admin, tmp_path: Path
) -> None:
    held = expected(a_day_of_traffic(7))
    [first, *_] = await months(database_url)
    # As a process leaves it that dies before the note: the file is there.
    async with opened_record(database_url, schema=SCHEMA) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await archive(connection, first, tenant=TENANT, root=tmp_path)
        await transaction.rollback()
    [path, *_] = files(tmp_path)
    assert not await admin.fetch("SELECT path FROM archive_files")

    assert await archived(database_url, tmp_path) == len(held)

    assert path in files(tmp_path)
    present = sum(int(((slots["flags"] & PRESENT) != 0).sum()) for slots in held.values())
    assert await admin.fetchval("SELECT sum(readings) FROM archive_files") == present


async def test_the_tenant_cannot_change_the_catalogue(pool: Pool) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute("DELETE FROM archive_files")
