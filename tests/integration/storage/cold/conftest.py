from collections.abc import AsyncIterator

import asyncpg
import pytest

from storage.cold.desk import PostgresDesk
from storage.cold.engine import connect
from storage.cold.pool import Pool, open_pool
from storage.cold.record import PostgresRecordStore
from tests.integration.storage.cold.tenant import SCHEMA, provisioned


@pytest.fixture
async def tenant_url(database_url: str) -> str:
    """The URL by which a freshly provisioned tenant logs in."""
    return await provisioned(database_url)


@pytest.fixture
async def pool(tenant_url: str) -> AsyncIterator[Pool]:
    """The tenant's connections."""
    async with open_pool(tenant_url) as opened:
        yield opened


@pytest.fixture
def desk(pool: Pool) -> PostgresDesk:
    """The tenant's desk, of headquarters."""
    return PostgresDesk(pool, zone="zone-1")


@pytest.fixture
def record(pool: Pool) -> PostgresRecordStore:
    """The tenant's record."""
    return PostgresRecordStore(pool)


@pytest.fixture
async def admin(
    database_url: str, tenant_url: str
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """The administrator's connection, looking into the tenant's schema."""
    connection = await connect(database_url)
    await connection.execute(f"SET search_path = {SCHEMA}")
    yield connection
    await connection.close()
