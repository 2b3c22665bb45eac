"""A zone's forwarder in tests, and what waits for it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx

from storage.hot.connection import connect
from storage.hot.uplink import Uplink
from storage.model.traffic import INTERVALS, UplinkQueue
from tests.integration.functions.readings import eventually, meter
from tests.integration.functions.zone import Zone

QUICK = {
    "batch_age_s": 0.01,
    "first_retry_s": 0.02,
    "longest_retry_s": 0.05,
    "longest_link_retry_s": 0.05,
    "tenants_every_s": 0.05,
    "registry_every_s": 0.05,
    "registry_idle_s": 0.2,
}
StartLink = Callable[..., Awaitable[httpx.AsyncClient]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Zones 3, 2 and 1, and what starts the links between them."""

    edge: Zone
    fog: Zone
    headquarters: Zone
    start_link: StartLink
    edge_url: str
    fog_url: str

    async def open(self, **settings: Any) -> None:
        await self.start_link(self.edge, self.fog, self.edge_url, **settings)
        await self.start_link(self.fog, self.headquarters, self.fog_url, **settings)

    async def register(self, *names: str) -> None:
        meters = [meter(name) for name in names]
        await self.headquarters.client.post("/v1/mdms/meters", json={"meters": meters})

    async def has_registered(self, *names: str) -> None:
        """Wait until the zones below headquarters have these meters and no others."""

        async def registered(zone: Zone) -> list[str]:
            answered = await zone.client.get("/v1/mdms/meters")
            return [one["meter_id"] for one in answered.json()["meters"]]

        async def check() -> bool:
            return [await registered(self.fog), await registered(self.edge)] == [[*names]] * 2

        await eventually(check)


async def waiting(redis_url: str, tenant: str = "acme", *, queue: UplinkQueue = INTERVALS) -> int:
    admin = connect(redis_url, max_connections=1)
    try:
        return (await Uplink(admin).backlog(tenant, queue)).entries
    finally:
        await admin.aclose()


def drained(*redis_urls: str, queue: UplinkQueue = INTERVALS) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return not any([await waiting(url, queue=queue) for url in redis_urls])

    return check


async def status_of(link: httpx.AsyncClient) -> dict[str, Any]:
    answered = await link.get("/v1/traffic_scheduling/status")
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = answered.json()
    return found
