"""Bodies and calls that the integration tests of functions share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.integration.functions.zone import Zone

IMPORT = "1-0:1.8.0"


def meter(meter_id: str, **changes: Any) -> dict[str, Any]:
    return {"meter_id": meter_id, "registers": [IMPORT], "interval_s": 900} | changes


def run(meter_id: str, values: list[Any], **changes: Any) -> dict[str, Any]:
    return {
        "meter_id": meter_id,
        "register": IMPORT,
        "start": "2026-01-01T00:00:00Z",
        "interval_s": 900,
        "values": values,
    } | changes


async def eventually(check: Callable[[], Awaitable[bool]], *, within_s: float = 20.0) -> None:
    """Wait until `check` holds; past the time it is a TimeoutError."""
    async with asyncio.timeout(within_s):
        while True:
            if await check():
                return
            await asyncio.sleep(0.02)


async def hold_meters(zone: Zone, *meter_ids: str, tenant: str = "acme") -> None:
    """Give a zone below headquarters its copy of the registry."""
    meters = [meter(name, version=at) for at, name in enumerate(meter_ids, start=1)]
    page = {"after": 0, "version": len(meters), "complete": True, "meters": meters}
    taken = await zone.client.post(
        "/v1/mdms/downlink", json=page, headers=zone.calls_as(zone.name, tenant=tenant)
    )
    assert taken.status_code == 200, taken.text


async def send(zone: Zone, *series: dict[str, Any], tenant: str = "acme") -> dict[str, Any]:
    """Post a readings body and return the answer."""
    answered = await zone.client.post(
        "/v1/mdms/readings", json={"series": series}, headers=zone.calls_as(tenant)
    )
    assert answered.status_code == 200, answered.text
    answer: dict[str, Any] = answered.json()
    return answer


async def final_values(
    zone: Zone, meter_id: str, *, count: int, tenant: str = "acme"
) -> list[int | None]:
    """The first `count` quarter hours of 2026-01-01, as they count now."""
    answered = await zone.client.get(
        "/v1/mdms/readings",
        params={
            "meter_id": meter_id,
            "from": "2026-01-01T00:00:00Z",
            "to": "2026-01-02T00:00:00Z",
            "limit": count,
        },
        headers=zone.calls_as(tenant),
    )
    assert answered.status_code == 200, answered.text
    values: list[int | None] = answered.json()["series"][0]["final"]
    return values
