"""Tests of mdms with zones: each with a registry held whole, and with one that is looked up."""

from contextlib import AsyncExitStack

import pytest

from tests.integration.functions.mdms.on_the_way import QUICK, hold, meters
from tests.integration.functions.zone import Zone, open_zone, provision_hot


@pytest.fixture(params=[200_000, 1], ids=["held", "looked-up"])
def held_meters(request: pytest.FixtureRequest) -> int:
    """What a worker holds whole: any registry of these tests, or of one meter."""
    most: int = request.param
    return most


@pytest.fixture
async def validating(
    opened: AsyncExitStack, edge: Zone, fog_url: str, held_meters: int
) -> tuple[Zone, Zone]:
    """Zone 3 and zone 2, which validates at once; both have the meters A and B."""
    await provision_hot(fog_url)
    settings = QUICK | {"registry_held_meters": held_meters}
    fog = await open_zone(opened, name="zone-2", tier=2, redis_url=fog_url, settings=settings)
    for zone in (edge, fog):
        await hold(zone, *meters("A", "B"))
    return edge, fog
