"""The count that proves a run: of its days alone, wherever folding has put the readings."""

import numpy as np
import pytest

from deploy.servers.postgres import query
from storage.cold.audit import ReadingCount, count_readings
from storage.cold.pool import Pool
from storage.cold.record import PostgresRecordStore
from storage.model.runs import DAY_S, RunBatch
from storage.model.uplink import UplinkEntry, pack_excluded
from tests.integration.storage.cold.tenant import SCHEMA

DAY = 20_454
ITS_DAY = range(DAY, DAY + 1)


@pytest.fixture
def store(pool: Pool) -> PostgresRecordStore:
    return PostgresRecordStore(pool)


def entry(sequence: int, *, first_slot: int, count: int, excluded: int = 0) -> UplinkEntry:
    """`count` readings of meter M-1; the first `excluded` of them were duplicates."""
    mask = np.arange(count) < excluded
    batch = RunBatch(
        meters=["M-1"],
        registers=["1-0:1.8.0"],
        run_meter=np.zeros(1, dtype=np.int32),
        run_register=np.zeros(1, dtype=np.uint8),
        run_interval_s=np.full(1, 900, dtype=np.int32),
        run_start=np.full(1, DAY * DAY_S + 900 * first_slot, dtype=np.int64),
        run_length=np.full(1, count, dtype=np.int32),
        values=np.arange(count, dtype=np.int32),
        quality=np.zeros(count, dtype=np.uint8),
    )
    return UplinkEntry("zone-3a", sequence, pack_excluded(mask), batch.encode())


async def count(database_url: str, days: range = ITS_DAY) -> ReadingCount:
    return await count_readings(database_url=database_url, schema=SCHEMA, days=days)


async def test_tail_and_blocks_count_alike(store: PostgresRecordStore, database_url: str) -> None:
    await store.append([entry(1, first_slot=0, count=50)])
    await store.append([entry(2, first_slot=50, count=46)])
    assert await count(database_url) == ReadingCount(96, 96)

    assert (await store.fold(max_entries=1)).entries == 1
    assert await count(database_url) == ReadingCount(96, 96)

    assert (await store.fold(max_entries=9)).entries == 1
    assert await count(database_url) == ReadingCount(96, 96)


async def test_what_the_edge_excluded_does_not_count(
    store: PostgresRecordStore, database_url: str
) -> None:
    await store.append([entry(1, first_slot=0, count=10)])
    await store.append([entry(2, first_slot=5, count=10, excluded=5)])

    assert await count(database_url) == ReadingCount(15, 15)


async def test_a_lost_row_is_seen(store: PostgresRecordStore, database_url: str) -> None:
    await store.append([entry(1, first_slot=0, count=10)])
    await store.append([entry(2, first_slot=10, count=10)])
    query(database_url, f"DELETE FROM {SCHEMA}.tail WHERE last_sequence = 1")

    assert await count(database_url) == ReadingCount(10, 10)


@pytest.mark.parametrize("folded", [False, True], ids=["in_the_tail", "in_blocks"])
async def test_other_days_do_not_count(
    store: PostgresRecordStore, database_url: str, folded: bool
) -> None:
    await store.append([entry(1, first_slot=0, count=90)])
    await store.append([entry(2, first_slot=96, count=10)])
    await store.append([entry(3, first_slot=2 * 96, count=20)])
    if folded:
        await store.fold(max_entries=9)

    assert await count(database_url) == ReadingCount(90, 90)
    assert await count(database_url, range(DAY + 1, DAY + 3)) == ReadingCount(30, 30)
    assert await count(database_url, range(DAY - 5, DAY)) == ReadingCount(0, 0)


async def test_only_the_revisions_of_its_days_are_compared(
    store: PostgresRecordStore, database_url: str
) -> None:
    await store.append([entry(1, first_slot=0, count=4)])
    await store.append([entry(2, first_slot=2, count=4)])
    await store.fold(max_entries=9)
    query(database_url, f"UPDATE {SCHEMA}.revisions SET sequence = 2")

    surplus = await count(database_url)
    assert (surplus.found, surplus.distinct) == (8, 6)
    assert await count(database_url, range(DAY + 1, DAY + 2)) == ReadingCount(0, 0)
