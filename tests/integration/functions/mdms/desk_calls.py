"""Calls of the desk's routes, and readings that reach headquarters."""

from typing import Any

import httpx
import zstandard

from storage.cold.desk_entries import batch_of
from storage.model.uplink import UplinkEntry, encode_entries
from tests.integration.functions.readings import IMPORT
from tests.integration.functions.zone import Zone

UPLINK_TYPE = "application/x-gridfaas-uplink"
DAY_S = 86_400
FIRST_DAY = 20_454
"""2026-01-01, a Thursday."""
BEFORE_US = 1_767_400_000_000_000
"""Some hours into 2026-01-03."""


async def metered(
    zone: Zone,
    meter_id: str,
    values: list[int],
    *,
    sequence: int = BEFORE_US,
    day: int = FIRST_DAY,
    first_slot: int = 0,
    interval_s: int = 900,
    second: int | None = None,
    quality: int = 0,
) -> None:
    """Intervals of a day, or a register read at a second of it, as zone 2 brings them."""
    begin_s = day * DAY_S
    batch = batch_of(
        meter_id=meter_id,
        register=IMPORT,
        interval_s=interval_s if second is None else 0,
        start_s=begin_s + (first_slot * interval_s if second is None else second),
        values=values,
        quality=[quality] * len(values),
    )
    entry = UplinkEntry("zone-3a#1", sequence, b"", batch.encode())
    answered = await zone.client.post(
        "/v1/mdms/uplink",
        content=zstandard.compress(encode_entries([entry])),
        headers={"Content-Type": UPLINK_TYPE, "Content-Encoding": "zstd"}
        | zone.calls_as("zone-2", tenant="acme"),
    )
    assert answered.status_code == 200, answered.text


async def post(zone: Zone, path: str, body: dict[str, Any], *, key: str = "ann") -> Any:
    """The answer to a call by somebody's key; it must be good."""
    answered = await post_raw(zone, path, body, key=key)
    assert answered.status_code == 200, answered.text
    return answered.json()


async def post_raw(
    zone: Zone, path: str, body: dict[str, Any], *, key: str = "ann"
) -> httpx.Response:
    """The response to a call by somebody's key."""
    return await zone.client.post(
        f"/v1/mdms/{path}", json=body, headers={"x-gridfaas-subject": f"key-{key}"}
    )


async def get(zone: Zone, path: str, **params: Any) -> Any:
    """The answer to a query; it must be good."""
    answered = await zone.client.get(f"/v1/mdms/{path}", params=params)
    assert answered.status_code == 200, answered.text
    return answered.json()
