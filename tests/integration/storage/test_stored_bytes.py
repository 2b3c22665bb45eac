"""What each tenant has in a store, by the store's own word, for the samples of the bill."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.cold.engine import create_engine
from storage.cold.stored_bytes import stored_bytes as cold_bytes
from storage.cold.walls import provision_tenant
from storage.hot.connection import connect
from storage.hot.keys import queues_prefix
from storage.hot.stored_bytes import stored_bytes as hot_bytes


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url, pool_size=1, application_name="test")
    yield engine
    await engine.dispose()


async def test_a_tenants_own_tables_count_and_nobody_elses(engine: AsyncEngine) -> None:
    for slug in ("acme-power", "bolt"):
        await provision_tenant(engine, slug, password="a-password")
    before = await cold_bytes(engine, ["acme-power", "bolt", "nobody"])
    async with engine.begin() as connection:
        # As a function of the tenant's own might have: any table of its schema counts.
        await connection.execute(text("CREATE TABLE t_acme_power.own AS SELECT repeat('x', 1000)"))
        await connection.execute(
            text(
                "INSERT INTO t_acme_power.own SELECT md5(n::text) || repeat('x', 500)"
                " FROM generate_series(1, 2000) n"
            )
        )

    after = await cold_bytes(engine, ["acme-power", "bolt", "nobody"])

    assert before["nobody"] == after["nobody"] == 0
    assert before["bolt"] == after["bolt"] > 0
    assert after["acme-power"] - before["acme-power"] >= 1_000_000


async def test_readings_and_all_that_waits_count(redis_url: str) -> None:
    admin = connect(redis_url, max_connections=1)
    try:
        for name, size in (("acme:hb", 100), ("upb:acme", 7), ("bolt:hb", 1)):
            await admin.call("SET", name, size)
        sizes = ("calls", 1_000, "t:meter-events", 500, "dead", 3, "dropped", 99)
        await admin.call("HSET", f"{queues_prefix('bolt')}:size", *sizes)

        assert await hot_bytes(admin, ["acme", "bolt", "nobody"]) == {
            "acme": 107,
            "bolt": 1_504,
            "nobody": 0,
        }
        assert await hot_bytes(admin, []) == {}
    finally:
        await admin.aclose()
