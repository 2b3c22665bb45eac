"""Time-of-use sums at headquarters, from blocks and tail, as tariffs need them."""

from typing import Any

import httpx
import msgspec
import pytest

from tests.contract.hot_readings import Run, batch_of
from tests.integration.functions.readings import IMPORT, meter
from tests.integration.functions.zone import Zone

DAY = 20_454
"""2026-01-01, a Thursday."""
MONTH = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-03T00:00:00Z"}
PEAK = "peak,mon-fri,17:00-21:00"


async def time_of_use(zone: Zone, **params: Any) -> httpx.Response:
    return await zone.client.get("/v1/mdms/time-of-use", params=MONTH | params)


@pytest.fixture
async def zone(headquarters: Zone) -> Zone:
    meters = [
        meter("A", feeder="F-01"),
        meter("B", feeder="F-01", transformer="T-1", interval_s=1800),
        meter("C"),
    ]
    registered = await headquarters.client.post("/v1/mdms/meters", json={"meters": meters})
    assert registered.json()["created"] == 3
    await hand_on(
        headquarters,
        Run(values=[1] * 96, meter_id="A", register=IMPORT, day=DAY),
        Run(values=[10] * 40, meter_id="B", register=IMPORT, day=DAY, interval_s=1800),
        sequence=1,
    )
    await hand_on(
        headquarters,
        Run(values=[2] * 96, meter_id="A", register=IMPORT, day=DAY + 1),
        Run(values=[5], meter_id="A", register=IMPORT, day=DAY, slot=70),
        sequence=2,
    )
    return headquarters


async def hand_on(zone: Zone, *runs: Run, sequence: int) -> None:
    """Give headquarters an entry as zone-2 does."""
    body = msgspec.msgpack.encode([["zone-3a", sequence, b"", batch_of(*runs).encode()]])
    kept = await zone.client.post(
        "/v1/mdms/uplink",
        content=body,
        headers={"content-type": "application/x-gridfaas-uplink"}
        | zone.calls_as("zone-2", tenant="acme"),
    )
    assert kept.status_code == 200, kept.text


async def test_each_meter_is_summed_by_period_with_what_is_missing(zone: Zone) -> None:
    answered = await time_of_use(zone, window=PEAK)

    answer = answered.json()
    assert answered.status_code == 200, answered.text
    assert answer["periods"] == ["peak", "off-peak"]
    assert answer["meters"] == [
        {
            "meter_id": "A",
            "sum": [16 + 4 + 32, 80 + 160],
            "intervals": [32, 160],
            "missing": [0, 0],
        },
        {"meter_id": "B", "sum": [60, 340], "intervals": [6, 34], "missing": [10, 46]},
        {"meter_id": "C", "sum": [None, None], "intervals": [0, 0], "missing": [32, 160]},
    ]
    assert answer["total"] == [112, 580]


async def test_the_windows_are_of_local_time(zone: Zone) -> None:
    answered = await time_of_use(zone, window=PEAK, time_zone="Asia/Baghdad", otherwise="rest")

    # From 14:00 to 18:00 UTC, where meter B has all of its values.
    answer = answered.json()
    assert answer["periods"] == ["peak", "rest"]
    assert answer["meters"][1] == {
        "meter_id": "B",
        "sum": [80, 320],
        "intervals": [8, 32],
        "missing": [8, 48],
    }


async def test_part_of_a_day_and_a_group(zone: Zone) -> None:
    answered = await time_of_use(
        zone,
        of="transformer",
        name="T-1",
        **{"from": "2026-01-01T19:00:00Z", "to": "2026-01-01T21:00:00Z"},
    )

    answer = answered.json()
    assert answer["periods"] == ["off-peak"]
    assert answer["meters"] == [{"meter_id": "B", "sum": [20], "intervals": [2], "missing": [2]}]


@pytest.mark.parametrize(
    "params",
    [
        {"window": "peak"},
        {"otherwise": "Off Peak"},
        {"of": "feeder"},
        {"name": "F-01"},
        {"register": "1-0:1.7.0"},
        {"time_zone": "Mars/Olympus"},
        {"to": "2025-01-01T00:00:00Z"},
    ],
)
async def test_what_cannot_be_asked(zone: Zone, params: dict[str, str]) -> None:
    answered = await time_of_use(zone, **params)

    assert answered.status_code == 400
    assert answered.json()["type"] == "urn:gridfaas:problem:malformed-request"


async def test_zones_below_say_where_it_is_served(edge: Zone) -> None:
    answered = await time_of_use(edge)

    assert answered.status_code == 404
    assert answered.json()["type"] == "urn:gridfaas:problem:not-in-this-zone"
