"""Two zones with a real Redis each and headquarters on a real PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import redis

from storage.cold.engine import create_engine
from storage.cold.walls import provision_tenant as provision_record
from storage.cold.walls import tenant_database_url
from tests.integration.functions.zone import PASSWORD, TENANTS, Zone, open_zone, provision_hot


@pytest.fixture
def fog_url(second_valkey: str) -> str:
    """The second Valkey without keys."""
    with redis.Redis.from_url(second_valkey) as client:
        client.flushall()
    return second_valkey


@pytest.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    """What is open until the end of the test."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def held_meters() -> int:
    """A registry of more meters is not held whole in a worker's memory."""
    return 200_000


@pytest.fixture
async def edge(opened: AsyncExitStack, redis_url: str, held_meters: int) -> Zone:
    """zone-3a: the first hop."""
    await provision_hot(redis_url)
    settings = {"registry_held_meters": held_meters}
    return await open_zone(opened, name="zone-3a", tier=3, redis_url=redis_url, settings=settings)


@pytest.fixture
async def fog(opened: AsyncExitStack, fog_url: str, held_meters: int) -> Zone:
    """zone-2: between the edge and headquarters."""
    await provision_hot(fog_url)
    settings = {"registry_held_meters": held_meters}
    return await open_zone(opened, name="zone-2", tier=2, redis_url=fog_url, settings=settings)


@pytest.fixture
async def headquarters(database_url: str) -> AsyncIterator[Zone]:
    """zone-1: the record."""
    engine = create_engine(database_url)
    urls = {}
    try:
        for tenant in TENANTS:
            await provision_record(engine, tenant, password=PASSWORD)
            urls[tenant] = tenant_database_url(database_url, tenant, PASSWORD)
    finally:
        await engine.dispose()
    # Not on the stack of `opened`: its workers must be gone before their database is dropped.
    async with AsyncExitStack() as stack:
        yield await open_zone(
            stack,
            name="zone-1",
            tier=1,
            database_urls=urls,
            settings={"fold_after_s": 0.1, "fold_quiet_s": 0.1},
        )
