"""A zone's forwarder in tests, and what waits for it."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from storage.hot.connection import connect
from storage.hot.uplink import Uplink
from storage.model.traffic import INTERVALS, UplinkQueue

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
