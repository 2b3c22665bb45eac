"""Whoever counts reads every record, no key, and changes nothing."""

import asyncpg
import pytest

from storage.cold.audit import ReadingCount, count_readings
from storage.cold.auditor import auditor_url, provision_auditor
from storage.cold.engine import create_engine
from storage.cold.pool import Pool
from storage.cold.record import PostgresRecordStore
from tests.contract.hot_readings import Run
from tests.contract.record_versions import entry
from tests.integration.storage.cold.tenant import SCHEMA

PASSWORD = "of-the-auditor"


async def opened(database_url: str) -> str:
    engine = create_engine(database_url, pool_size=1)
    for _ in range(2):
        await provision_auditor(engine, password=PASSWORD)
    await engine.dispose()
    return auditor_url(database_url, PASSWORD)


async def test_the_auditor_counts_what_a_tenant_has(database_url: str, pool: Pool) -> None:
    store = PostgresRecordStore(pool)
    await store.append([entry(Run(values=[1, 2]), sequence=1)])
    await store.fold(max_entries=1)
    await store.append([entry(Run(values=[3], slot=5), sequence=2)])

    counted = await count_readings(database_url=await opened(database_url), schema=SCHEMA)

    assert counted == ReadingCount(3, 3)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT hash FROM platform.api_keys",
        "SELECT value FROM platform.function_secrets",
        "SELECT body FROM platform.bundles",
        f"DELETE FROM {SCHEMA}.blocks",
        f"SET default_transaction_read_only = off; DELETE FROM {SCHEMA}.tail",
        "UPDATE platform.tenants SET name = 'x'",
        "CREATE TABLE platform.x (a int)",
        f"BEGIN; LOCK TABLE {SCHEMA}.blocks IN EXCLUSIVE MODE",
    ],
)
async def test_the_auditor_reads_no_key_and_writes_nothing(
    database_url: str, pool: Pool, statement: str
) -> None:
    connection = await asyncpg.connect(await opened(database_url))
    try:
        assert await connection.fetchval("SELECT count(*) FROM platform.tenants") == 0
        with pytest.raises(
            (asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)
        ):
            await connection.execute(statement)
    finally:
        await connection.close()
