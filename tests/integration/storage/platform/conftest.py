from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.cold.engine import create_engine
from storage.platform.registry import Registry, open_registry
from storage.platform.snapshot import ZoneEntry

ZONES = [
    ZoneEntry(name="zone-1", tier=1),
    ZoneEntry(name="zone-2", tier=2, parent="zone-1"),
    ZoneEntry(name="zone-3a", tier=3, parent="zone-2"),
    ZoneEntry(name="zone-3b", tier=3, parent="zone-2"),
]


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[AsyncEngine]:
    """The administrator's engine over a fresh, migrated database."""
    engine = create_engine(database_url, pool_size=4, application_name="test")
    yield engine
    await engine.dispose()


@pytest.fixture
async def registry(database_url: str) -> AsyncIterator[Registry]:
    """A registry that knows the zones, and nothing else."""
    async with open_registry(database_url) as opened:
        await opened.zones.record(ZONES)
        yield opened
