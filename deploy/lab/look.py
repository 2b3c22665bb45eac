"""What can be seen of a running lab: which zones are ready, what waits, what is stored."""

import asyncio
import time
from typing import Any

import asyncpg
import httpx

from deploy.lab.bootstrap import TENANTS
from deploy.lab.cold_count import count_cold
from deploy.lab.hot_count import HotStoreSilent, count_hot
from deploy.lab.status_file import LabStatus

ASK_TIMEOUT_S = 5.0
COUNT_TIMEOUT_S = 20.0


async def zone_answers(status: LabStatus) -> dict[str, str]:
    """Return by zone "ready", or why not."""
    async with _client() as client:
        urls = status.gateways.values()
        answers = await asyncio.gather(*(_ask_ready(client, url) for url in urls))
    return dict(zip(status.gateways, answers, strict=True))


async def link_states(status: LabStatus, *, key: str) -> list[dict[str, Any]]:
    """Return what each zone's scheduler says of its link and backlog; `key` is an admin's.

    Each has `zone`, `parent`, `up`, `backlog_entries`, `backlog_bytes`, `oldest_age_s`,
    `last_error` and, for one that gives no answer, only `zone` and `error`.
    """
    below = [zone.name for zone in status.topology.zones if zone.tier > 1]
    async with _client(key) as client:
        return await asyncio.gather(
            *(_ask_link(client, zone, status.gateways[zone]) for zone in below)
        )


async def stored_readings(status: LabStatus, *, key: str) -> dict[str, Any]:
    """Count the readings of all tenants in each hot store and in the cold one, of all days.

    What cannot be counted within `COUNT_TIMEOUT_S` is None.
    """
    tenants = await _tenants(status, key)
    hot, cold = await asyncio.gather(_count_hot(status, tenants), _count_cold(status, tenants))
    return {"hot": hot, "cold": cold}


def _client(key: str | None = None) -> httpx.AsyncClient:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(timeout=ASK_TIMEOUT_S, trust_env=False, headers=headers)


async def _ask_ready(client: httpx.AsyncClient, url: str) -> str:
    try:
        answer = await client.get(f"{url}/readyz")
        if answer.status_code == 200:
            return "ready"
        missing = ", ".join(map(str, answer.json()["missing"]))
    except (httpx.HTTPError, ValueError, KeyError) as error:
        return f"no answer: {error or type(error).__name__}"
    return f"not ready, missing: {missing}"


async def _ask_link(client: httpx.AsyncClient, zone: str, url: str) -> dict[str, Any]:
    try:
        answer = await client.get(f"{url}/v1/traffic_scheduling/status")
        answer.raise_for_status()
        said = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        return {"zone": zone, "error": str(error) or type(error).__name__}
    tenants = said["tenants"]
    return {
        "zone": zone,
        "parent": said["parent"],
        "up": said["link"]["up"],
        "backlog_entries": sum(one["backlog_entries"] for one in tenants),
        "backlog_bytes": sum(one["backlog_bytes"] for one in tenants),
        "oldest_age_s": max((one["oldest_age_s"] for one in tenants), default=0.0),
        "last_error": said["link"]["last_error"],
    }


async def _tenants(status: LabStatus, key: str) -> list[str]:
    """All that headquarters knows; the lab's own when it does not answer."""
    top = next(zone.name for zone in status.topology.zones if zone.tier == 1)
    async with _client(key) as client:
        try:
            answer = await client.get(f"{status.gateways[top]}/v1/platform/tenants")
            answer.raise_for_status()
            return [one["slug"] for one in answer.json()["tenants"]]
        except (httpx.HTTPError, ValueError):
            return [tenant.slug for tenant in TENANTS]


async def _count_hot(status: LabStatus, tenants: list[str]) -> dict[str, int] | None:
    try:
        async with asyncio.timeout(COUNT_TIMEOUT_S):
            now = time.monotonic()
            return (await count_hot(status.redis_urls, tenants=tenants, deadline=now)).zones
    except (TimeoutError, HotStoreSilent):
        return None


async def _count_cold(status: LabStatus, tenants: list[str]) -> int | None:
    try:
        async with asyncio.timeout(COUNT_TIMEOUT_S):
            return (await count_cold(status.database_url, tenants=tenants)).distinct
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None
