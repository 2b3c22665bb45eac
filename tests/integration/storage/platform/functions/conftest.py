from collections.abc import AsyncIterator

import pytest

from storage.platform.registry import Registry, open_registry
from storage.platform.snapshot import ZoneEntry

ZONES = [
    ZoneEntry(name="zone-1", tier=1),
    ZoneEntry(name="zone-2", tier=2, parent="zone-1"),
    ZoneEntry(name="zone-3a", tier=3, parent="zone-2"),
]


@pytest.fixture
async def registry(database_url: str) -> AsyncIterator[Registry]:
    """A registry with two tenants: acme down to the edge, beta at headquarters alone."""
    async with open_registry(database_url) as opened:
        await opened.zones.record(ZONES)
        await opened.tenants.create(slug="acme", name="Acme", zones=["zone-3a"])
        await opened.tenants.create(slug="beta", name="Beta", zones=["zone-1"])
        yield opened
