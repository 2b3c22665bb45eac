"""What a function reads of its tenant's stores, through the tenant's own logins."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from functions.runtime.cold import Cold, open_cold
from functions.runtime.hot import Hot, open_hot
from functions.runtime.readings import Readings, UnknownMeter
from storage.cold.pool import open_pool
from storage.cold.record import PostgresRecordStore
from storage.cold.registry import PostgresMeterRegistry
from storage.cold.walls import CONNECTION_LIMIT
from storage.hot.acl import provision_tenant
from storage.hot.connection import connect
from storage.hot.library import install
from storage.hot.registry import MeterRegistry
from storage.hot.store import RedisHotStore
from storage.model.meter import Meter, RegistryPosition
from tests.contract.hot_readings import DAY, REGISTER, Run, batch_of
from tests.contract.record_versions import entry
from tests.integration.storage.cold.tenant import provisioned

BEGIN = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=DAY)
METER = Meter(meter_id="M-1", registers=(REGISTER,), interval_s=900, version=1)


@pytest.fixture
async def hot(redis_url: str) -> AsyncIterator[Hot]:
    """The view of acme, which has a day's readings of M-1; bolt has others."""
    await install(redis_url)
    for slug, value in (("acme", 100), ("bolt", 999)):
        url = await provision_tenant(redis_url, slug, password="p" * 32)
        connection = connect(url)
        store = RedisHotStore(connection, slug=slug, zone="zone-3a", uplink_limit_bytes=1 << 30)
        registry = MeterRegistry(connection, slug=slug)
        await registry.apply([METER], after=0, to=RegistryPosition(7, 1))
        await store.accept(batch_of(Run(values=[value, value + 1], slot=2)))
        await connection.aclose()
    acme = await provision_tenant(redis_url, "acme", password="p" * 32)
    hot = open_hot(acme, tenant="acme", zone="zone-3a")
    yield hot
    await hot.close()


@pytest.fixture
async def cold(database_url: str) -> AsyncIterator[Cold]:
    url = await provisioned(database_url)
    async with open_pool(url) as pool:
        await PostgresMeterRegistry(pool).register([METER], now=BEGIN)
        await PostgresRecordStore(pool).append([entry(Run(values=[100, 101], slot=2), sequence=1)])
    cold = await open_cold(url)
    yield cold
    await cold.close()


def values(readings: Readings) -> list[tuple[datetime, int]]:
    return [(one.start, one.value) for one in readings]


EXPECTED = [(BEGIN + timedelta(minutes=30), 100), (BEGIN + timedelta(minutes=45), 101)]


async def test_hot_readings_are_the_tenants_own(hot: Hot) -> None:
    readings = await hot.readings("M-1", REGISTER, begin=BEGIN, end=BEGIN + timedelta(days=1))

    assert values(readings) == EXPECTED
    assert len(readings) == 96
    assert [meter.meter_id for meter in await hot.meters()] == ["M-1"]


async def test_cold_readings_are_those_of_the_record(cold: Cold) -> None:
    readings = await cold.readings("M-1", REGISTER, begin=BEGIN, end=BEGIN + timedelta(hours=1))

    assert values(readings) == EXPECTED
    assert len(readings) == 4
    assert [meter.meter_id for meter in await cold.meters()] == ["M-1"]


async def test_a_meter_that_is_not_registered_is_unknown(hot: Hot, cold: Cold) -> None:
    for store in (hot, cold):
        for meter_id, register in (("M-2", REGISTER), ("M-1", "1-0:9.9.9")):
            with pytest.raises(UnknownMeter):
                await store.readings(
                    meter_id, register, begin=BEGIN, end=BEGIN + timedelta(hours=1)
                )


async def test_sql_reads_and_writes_the_tenants_own_tables(cold: Cold) -> None:
    (row,) = await cold.fetch("SELECT meter_id FROM meters WHERE meter_id = $1", "M-1")
    assert row == {"meter_id": "M-1"}

    assert await cold.fetch("DELETE FROM tail RETURNING entries") == [{"entries": 1}]
    assert await cold.fetch("SELECT 1 FROM tail") == []


async def test_functions_take_turns_at_the_logins_connections(
    cold: Cold, database_url: str
) -> None:
    url = await provisioned(database_url)
    held = [await asyncpg.connect(url) for _ in range(CONNECTION_LIMIT)]
    waiting = asyncio.create_task(cold.fetch("SELECT 1 AS one"))
    done, _ = await asyncio.wait({waiting}, timeout=0.3)

    assert not done
    await held.pop().close()
    assert await waiting == [{"one": 1}]
    for connection in held:
        await connection.close()


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM platform.tenants", "CREATE TABLE own (x int)", "CREATE ROLE other"]
)
async def test_sql_reaches_nothing_else(cold: Cold, sql: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await cold.fetch(sql)
