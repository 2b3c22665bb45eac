"""An edge, a fog and headquarters that know two meters."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from storage.cold.engine import create_engine
from storage.cold.walls import provision_tenant as provision_record
from storage.cold.walls import tenant_database_url
from storage.hot.acl import provision_link
from storage.hot.connection import connect
from storage.hot.uplink import Uplink
from storage.model.uplink import UplinkEntry, encode_entries
from tests.integration.functions.readings import meter
from tests.integration.functions.tiering.tier_zone import (
    TENANT,
    TierZone,
    open_headquarters,
    open_hot_zone,
)
from tests.integration.functions.zone import PASSWORD

METERS = ("A", "B")
UPLINK_TYPE = "application/x-gridfaas-uplink"


@dataclass(frozen=True, kw_only=True)
class Tiers:
    """The three zones."""

    edge: TierZone
    fog: TierZone
    headquarters: TierZone

    async def carry(self) -> None:
        """Bring up what waits in the edge, then what waits in the fog, as the link does."""
        await _carry(self.edge, self.fog)
        await _carry(self.fog, self.headquarters)

    async def skip_the_fog(self) -> None:
        """Bring what waits in the edge straight to headquarters, as by another zone 2."""
        await _carry(self.edge, self.headquarters)


async def _carry(below: TierZone, above: TierZone) -> None:
    link = connect(await provision_link(below.redis_url, password=PASSWORD))
    try:
        uplink = Uplink(link)
        waiting = await uplink.pending(TENANT, max_bytes=1 << 26, max_entries=10_000)
        entries: list[UplinkEntry] = [one[1] for one in waiting]
        if not entries:
            return
        answer = await above.client.post(
            "/v1/mdms/uplink",
            content=encode_entries(entries),
            headers={"Content-Type": UPLINK_TYPE} | above.calls_as(below.name, tenant=TENANT),
        )
        assert answer.status_code == 200, answer.text
        await uplink.acknowledge(TENANT, waiting[-1][0])
    finally:
        await link.aclose()


@pytest.fixture
async def tenant_database(database_url: str) -> str:
    """The tenant's own URL of a provisioned record."""
    engine = create_engine(database_url)
    try:
        await provision_record(engine, TENANT, password=PASSWORD)
    finally:
        await engine.dispose()
    return tenant_database_url(database_url, TENANT, PASSWORD)


@pytest.fixture
async def tiers(redis_url: str, fog_url: str, tenant_database: str) -> AsyncIterator[Tiers]:
    """All three zones, open; two meters are registered everywhere."""
    async with AsyncExitStack() as stack:
        headquarters = await open_headquarters(stack, database_url=tenant_database)
        fog = await open_hot_zone(
            stack,
            name="zone-2",
            tier=2,
            redis_url=fog_url,
            parent=headquarters.entrance,
            policy={"keep_open_billing": False},
            settings={"keep_s": 0.001, "compare_every_s": 0.1},
        )
        edge = await open_hot_zone(
            stack,
            name="zone-3a",
            tier=3,
            redis_url=redis_url,
            parent=fog.entrance,
            policy={"keep_open_billing": False},
            settings={"tenants_every_s": 0.05},
        )
        meters = [meter(name) for name in METERS]
        taken = await headquarters.client.post("/v1/mdms/meters", json={"meters": meters})
        assert taken.status_code == 200, taken.text
        page = {
            "after": 0,
            "version": len(meters),
            "complete": True,
            "meters": [one | {"version": at} for at, one in enumerate(meters, start=1)],
        }
        for zone in (fog, edge):
            taken = await zone.client.post(
                "/v1/mdms/downlink", json=page, headers=zone.calls_as(zone.name, tenant=TENANT)
            )
            assert taken.status_code == 200, taken.text
        yield Tiers(edge=edge, fog=fog, headquarters=headquarters)
