"""Trying rules on what is stored: what is found, and that nothing is written."""

from typing import Any

import httpx
import pytest

from tests.integration.functions.readings import IMPORT, final_values, meter, run, send
from tests.integration.functions.zone import Zone

PERIOD = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T02:00:00Z"}


async def trial(zone: Zone, **changes: Any) -> httpx.Response:
    return await zone.client.post("/v1/mdms/validations", json=PERIOD | changes)


@pytest.fixture
async def zone(edge: Zone) -> Zone:
    meters = [
        meter("A", version=1, feeder="F-01"),
        meter("B", version=2, feeder="F-01", active=False),
    ]
    page = {"after": 0, "version": 2, "complete": True, "meters": meters}
    await edge.client.post(
        "/v1/mdms/downlink", json=page, headers=edge.calls_as(edge.name, tenant="acme")
    )
    await send(edge, run("A", [100, 110, 9_000, 105, 99, 101, 98]), run("B", [0, 40]))
    return edge


async def test_all_rules_by_default(zone: Zone) -> None:
    answer = (await trial(zone, feeder="F-01")).json()

    assert answer["counts"] == {
        "missing-interval": 1,
        "high-low": 0,
        "interval-spike": 1,
        "zero-consumption": 0,
        "identical-intervals": 0,
        "inactive-usage": 1,
        "negative-interval": 0,
        "duplicate-interval": 0,
        "prolonged-estimation": 0,
        "meter-flag": 0,
        "backward-dial": 0,
        "register-rollover": 0,
        "sum-check": 0,
        "unit-of-measure": 0,
        "multiplier": 0,
    }
    first, second = answer["meters"]
    assert (first["meter_id"], first["intervals"], first["present"]) == ("A", 8, 7)
    assert first["findings"] == [
        {
            "rule": "missing-interval",
            "severity": "error",
            "iec_code": "3.5.259",
            "quality": None,
            "from": "2026-01-01T01:45:00Z",
            "to": "2026-01-01T02:00:00Z",
            "intervals": 1,
        },
        {
            "rule": "interval-spike",
            "severity": "error",
            "iec_code": "3.6.3",
            "quality": 10,
            "from": "2026-01-01T00:30:00Z",
            "to": "2026-01-01T00:45:00Z",
            "intervals": 1,
        },
    ]
    assert [one["rule"] for one in second["findings"]] == ["inactive-usage"]


async def test_other_parameters_find_other_intervals_and_nothing_is_written(zone: Zone) -> None:
    before = await final_values(zone, "A", count=8)
    rules = [{"rule": "high-low", "parameters": {"high_w": 420}}]

    answer = (await trial(zone, meter_ids=["A"], rules=rules)).json()

    assert answer["rules"][0]["parameters"] == {"high_w": 420, "low_w": 0}
    assert answer["counts"] == {"high-low": 2}
    [finding] = answer["meters"][0]["findings"]
    assert (finding["from"], finding["intervals"]) == ("2026-01-01T00:15:00Z", 2)
    assert await final_values(zone, "A", count=8) == before


async def test_what_has_not_ended_is_no_gap(zone: Zone) -> None:
    far = {"from": "2199-01-01T00:00:00Z", "to": "2199-01-02T00:00:00Z"}
    answer = (await trial(zone, meter_ids=["A"], **far)).json()

    assert (answer["meters"][0]["intervals"], answer["meters"][0]["findings"]) == (0, [])


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        pytest.param({}, 400, "malformed-request", id="no_meters"),
        pytest.param({"meter_ids": ["X"]}, 404, "unknown-meter", id="unknown_meter"),
        pytest.param(
            {"meter_ids": ["A"], "rules": [{"rule": "x"}]}, 400, "malformed-body", id="unknown_rule"
        ),
        pytest.param({"meter_ids": ["A"], "rule": 1}, 400, "malformed-body", id="unknown_field"),
        pytest.param(
            {"meter_ids": ["A"], "register": "1-0:1.7.0"}, 400, "malformed-request", id="demand"
        ),
    ],
)
async def test_what_cannot_be_tried(
    zone: Zone, body: dict[str, Any], status: int, slug: str
) -> None:
    answered = await trial(zone, **body)

    assert answered.status_code == status, answered.text
    assert answered.json()["type"] == f"urn:gridfaas:problem:{slug}"


async def send_reads(zone: Zone, *reads: tuple[str, int]) -> None:
    body = [
        {"meter_id": "A", "register": IMPORT, "at": f"2026-01-01T{at}:00Z", "value": value}
        for at, value in reads
    ]
    answered = await zone.client.post("/v1/mdms/readings", json={"readings": body})
    assert answered.json()["accepted"] == len(reads), answered.text


async def test_register_rules_are_tried_with_the_read_before(zone: Zone) -> None:
    # The intervals from 00:30 on are 9,000, 105, 99 and 101 Wh.
    await send_reads(zone, ("00:30", 5_000), ("01:00", 14_105), ("01:30", 14_600))
    later = PERIOD | {"from": "2026-01-01T00:45:00Z"}

    answer = (await trial(zone, **later, meter_ids=["A"], rules=[{"rule": "sum-check"}])).json()

    assert answer["counts"] == {"sum-check": 1}
    assert answer["meters"][0]["findings"] == [
        {
            "rule": "sum-check",
            "severity": "error",
            "iec_code": "3.6.0",
            "quality": 10,
            "from": "2026-01-01T01:30:00Z",
            "to": "2026-01-01T01:30:00Z",
            "intervals": 0,
        }
    ]
    # What comes in before the period is no business of a trial.
    before = PERIOD | {"to": "2026-01-01T01:15:00Z"}
    assert (await trial(zone, **before, meter_ids=["A"], rules=[{"rule": "sum-check"}])).json()[
        "counts"
    ] == {"sum-check": 0}


async def test_a_trial_of_register_rules_shows_what_would_change(zone: Zone) -> None:
    await send_reads(zone, ("00:30", 5_000), ("01:00", 14_105), ("01:30", 14_600))
    tolerant = {"rule": "sum-check", "parameters": {"tolerance_percent": 90, "tolerance_wh": 100}}

    answer = (await trial(zone, rules=[tolerant], meter_ids=["A"], against="active")).json()

    assert answer["counts"] == {"sum-check": 0}
    assert answer["against"]["disappear"]["sum-check"] == 1
    [gone] = [one for one in answer["meters"][0]["disappear"] if one["rule"] == "sum-check"]
    assert gone["from"] == "2026-01-01T01:30:00Z"


async def test_technical_rules_find_nothing_in_what_is_stored(zone: Zone) -> None:
    refused = await trial(zone, rules=[{"rule": "stale", "parameters": {"days": 3}}])

    assert refused.status_code == 400
    assert "refuses readings" in refused.json()["detail"]
