"""The count that `up` rests on, over records written and folded by the real store."""

from collections.abc import AsyncIterator
from datetime import date

import numpy as np
import pytest

from deploy.lab.cold_count import EPOCH, ColdCount, count_cold
from deploy.servers.postgres import query
from storage.cold.engine import create_engine
from storage.cold.pool import open_pool
from storage.cold.record import PostgresRecordStore
from storage.cold.walls import provision_tenant, tenant_database_url
from storage.model.runs import DAY_S, RunBatch
from storage.model.uplink import UplinkEntry, pack_excluded

DAY = date(2026, 1, 1)
START = (DAY.toordinal() - EPOCH) * DAY_S


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresRecordStore]:
    engine = create_engine(database_url, pool_size=1)
    try:
        await provision_tenant(engine, "acme", password="secret")
    finally:
        await engine.dispose()
    async with open_pool(tenant_database_url(database_url, "acme", "secret")) as pool:
        yield PostgresRecordStore(pool)


def entry(sequence: int, *, first_slot: int, count: int, excluded: int = 0) -> UplinkEntry:
    """`count` readings of meter M-1; the first `excluded` of them were duplicates."""
    mask = np.arange(count) < excluded
    batch = RunBatch(
        meters=["M-1"],
        registers=["1-0:1.8.0"],
        run_meter=np.zeros(1, dtype=np.int32),
        run_register=np.zeros(1, dtype=np.uint8),
        run_interval_s=np.full(1, 900, dtype=np.int32),
        run_start=np.full(1, START + 900 * first_slot, dtype=np.int64),
        run_length=np.full(1, count, dtype=np.int32),
        values=np.arange(count, dtype=np.int32),
        quality=np.zeros(count, dtype=np.uint8),
    )
    return UplinkEntry("zone-3a", sequence, pack_excluded(mask), batch.encode())


async def count(database_url: str) -> ColdCount:
    return await count_cold(database_url, tenants=["acme"], day=DAY)


async def test_tail_and_blocks_count_alike(store: PostgresRecordStore, database_url: str) -> None:
    await store.append([entry(1, first_slot=0, count=50)])
    await store.append([entry(2, first_slot=50, count=46)])
    assert await count(database_url) == ColdCount(96, 96)

    assert await store.fold(max_entries=1) == 1
    assert await count(database_url) == ColdCount(96, 96)

    assert await store.fold(max_entries=9) == 1
    assert await count(database_url) == ColdCount(96, 96)


async def test_what_the_edge_excluded_does_not_count(
    store: PostgresRecordStore, database_url: str
) -> None:
    await store.append([entry(1, first_slot=0, count=10)])
    await store.append([entry(2, first_slot=5, count=10, excluded=5)])

    assert await count(database_url) == ColdCount(15, 15)


async def test_a_reading_stored_twice_is_seen(
    store: PostgresRecordStore, database_url: str
) -> None:
    await store.append([entry(1, first_slot=0, count=10)])
    await store.append([entry(2, first_slot=7, count=10)])

    assert await count(database_url) == ColdCount(20, 17)


async def test_a_lost_row_is_seen(store: PostgresRecordStore, database_url: str) -> None:
    await store.append([entry(1, first_slot=0, count=10)])
    await store.append([entry(2, first_slot=10, count=10)])
    query(database_url, "DELETE FROM t_acme.tail WHERE last_sequence = 1")

    assert await count(database_url) == ColdCount(10, 10)


async def test_other_days_do_not_count(store: PostgresRecordStore, database_url: str) -> None:
    await store.append([entry(1, first_slot=96, count=10)])

    assert await count(database_url) == ColdCount(0, 0)
