"""Estimating what is stored: a trial writes nothing, what is kept never beats an actual value."""

from contextlib import AsyncExitStack
from typing import Any

import pytest

from storage.cold.walls import tenant_database_url
from tests.integration.functions.mdms.desk_calls import (
    BEFORE_US,
    FIRST_DAY,
    get,
    metered,
    post,
    post_raw,
)
from tests.integration.functions.readings import final_values, hold_meters, meter, run, send
from tests.integration.functions.zone import PASSWORD, TENANTS, Zone, open_zone

PERIOD = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
NEXT_DAY = {"from": "2026-01-02T00:00:00Z", "to": "2026-01-03T00:00:00Z"}
SHAPE = [100 + slot for slot in range(96)]


@pytest.fixture
async def zone(headquarters: Zone) -> Zone:
    """Meter A has a whole Thursday, and a Friday with a gap of twelve hours."""
    answered = await headquarters.client.post(
        "/v1/mdms/meters", json={"meters": [meter("A", feeder="F-01"), meter("B")]}
    )
    assert answered.json()["created"] == 2
    await metered(headquarters, "A", SHAPE, sequence=BEFORE_US)
    await metered(headquarters, "A", SHAPE[:24], sequence=BEFORE_US + 1, day=FIRST_DAY + 1)
    await metered(
        headquarters, "A", SHAPE[72:], sequence=BEFORE_US + 2, day=FIRST_DAY + 1, first_slot=72
    )
    return headquarters


async def friday(zone: Zone) -> tuple[list[int | None], list[int | None]]:
    answer = await get(zone, "readings", meter_id="A", **NEXT_DAY)
    [part] = answer["series"]
    return part["final"], part["quality"]


@pytest.mark.parametrize(
    ("holidays", "left"),
    [
        pytest.param(["2026-01-02"], 48, id="a_holiday_is_like_no_working_day"),
        pytest.param(["2026-01-01", "2026-01-02"], 0, id="a_holiday_is_like_the_one_before"),
    ],
)
async def test_a_tenants_holidays_are_alike(
    zone: Zone, database_url: str, holidays: list[str], left: int
) -> None:
    urls = {one: tenant_database_url(database_url, one, PASSWORD) for one in TENANTS}
    async with AsyncExitStack() as stack:
        holding = await open_zone(
            stack, name=zone.name, tier=1, database_urls=urls, settings={"holidays": holidays}
        )
        like_days = {"methods": [{"method": "like-day-profile"}]}
        answer = await post(holding, "estimations", NEXT_DAY | {"feeder": "F-01"} | like_days)
        tariff = {"window": "free,holiday,00:00-24:00"} | PERIOD
        sums = await get(holding, "time-of-use", **tariff)

    assert answer["counts"] == {"like-day-profile": 48 - left, "left": left}
    [of_meter, _] = sums["meters"]
    assert of_meter["intervals"] == ([0, 96] if left else [96, 0])


async def test_a_trial_says_what_would_be_written_and_writes_nothing(zone: Zone) -> None:
    before = await friday(zone)

    answer = await post(zone, "estimations", NEXT_DAY | {"feeder": "F-01"})

    assert answer["counts"] == {
        "register-difference": 0,
        "linear-interpolation": 0,
        "like-day-profile": 48,
        "proxy-day": 0,
        "left": 0,
    }
    [of_meter] = answer["meters"]
    [estimates] = of_meter["estimates"]
    assert (estimates["from"], estimates["to"]) == ("2026-01-02T06:00:00Z", "2026-01-02T18:00:00Z")
    assert estimates["values"] == SHAPE[24:72]
    assert (answer["applied"], await friday(zone)) == (False, before)
    assert (await get(zone, "edits"))["edits"] == []


async def test_what_is_applied_is_scaled_to_the_registers_and_audited(zone: Zone) -> None:
    # 11 s late, and over the last number of eight dials.
    midnight, counted = 99_999_000, 20_000
    await metered(zone, "A", [midnight], sequence=BEFORE_US + 3, day=FIRST_DAY + 1, second=11)
    await metered(
        zone,
        "A",
        [(midnight + counted) % 10**8],
        sequence=BEFORE_US + 4,
        day=FIRST_DAY + 2,
        second=0,
    )

    body = NEXT_DAY | {"meter_ids": ["A"], "apply": True, "reason": "field office"}
    answer = await post(zone, "estimations", body)
    again = await post(zone, "estimations", body)

    [boundary] = answer["meters"][0]["boundaries"]
    assert (boundary["register_wh"], boundary["outcome"], boundary["intervals"]) == (
        counted,
        "scaled",
        96,
    )
    final, quality = await friday(zone)
    assert sum(value or 0 for value in final) == counted
    assert quality == [0] * 24 + [8] * 48 + [0] * 24
    assert (answer["written"], again["written"]) == (48, 0)
    [edit] = (await get(zone, "edits"))["edits"]
    assert (edit["kind"], edit["method"], edit["editor"]) == (
        "estimate",
        "like-day-profile",
        "key-ann",
    )
    [row] = (await get(zone, "audit"))["audit"]
    assert (row["action"], row["reason"], row["edit_id"]) == (
        "estimate-applied",
        "field office",
        edit["edit_id"],
    )


async def test_register_reads_of_every_quarter_are_turned_into_intervals(zone: Zone) -> None:
    for slot, shown in enumerate((99_999_950, 10, 90, 80)):
        await metered(zone, "B", [shown], second=slot * 900, sequence=BEFORE_US + 10 + slot)

    answer = await post(zone, "estimations", PERIOD | {"meter_ids": ["B"]})

    [of_meter] = answer["meters"]
    [estimates] = of_meter["estimates"]
    assert (estimates["method"], estimates["values"], estimates["quality"]) == (
        "register-difference",
        [60, 80],
        8,
    )
    assert answer["counts"]["left"] == 94


async def test_an_actual_value_counts_whenever_it_comes(zone: Zone) -> None:
    methods = [{"method": "like-day-profile"}]
    body = NEXT_DAY | {"meter_ids": ["A"], "methods": methods}
    body |= {"apply": True, "reason": "month's end"}
    await post(zone, "estimations", body)
    # Acknowledged at its edge before the estimates were made.
    await metered(zone, "A", [7, 8, 9], sequence=BEFORE_US + 3, day=FIRST_DAY + 1, first_slot=30)

    answer = await post(zone, "estimations", body)

    assert answer["counts"]["like-day-profile"] == 45
    final, quality = await friday(zone)
    assert (final[29:34], quality[29:34]) == ([129, 7, 8, 9, 133], [8, 0, 0, 0, 8])


async def test_what_no_method_can_fill_is_left_and_says_so(zone: Zone) -> None:
    methods = [{"method": "linear-interpolation"}]

    answer = await post(
        zone, "estimations", NEXT_DAY | {"meter_ids": ["A", "B"], "methods": methods}
    )

    assert answer["counts"] == {"linear-interpolation": 0, "left": 48 + 96}
    assert [part["reason"] for part in answer["meters"][1]["left"]] == ["no-method-applies"]


async def test_estimates_that_go_on_for_long_are_an_exception(zone: Zone) -> None:
    days = {"from": "2026-01-02T00:00:00Z", "to": "2026-01-06T00:00:00Z"}
    methods = [{"method": "proxy-day", "parameters": {"any_day": True}}]
    body = days | {"meter_ids": ["A"], "methods": methods, "apply": True, "reason": "gone"}

    answer = await post(zone, "estimations", body)

    [run_of] = answer["meters"][0]["prolonged"]
    assert (run_of["from"], run_of["to"]) == ("2026-01-03T00:00:00Z", "2026-01-06T00:00:00Z")
    assert answer["exceptions_opened"] == 1
    [exception] = (await get(zone, "exceptions"))["exceptions"]
    assert (exception["rule"], exception["severity"]) == ("prolonged-estimation", "warning")
    assert (exception["from"], exception["to"]) == ("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z")


async def test_a_zone_below_tries_and_does_not_keep(edge: Zone) -> None:
    await hold_meters(edge, "A")
    await send(edge, run("A", [10, 20]), run("A", [50], start="2026-01-01T01:00:00Z"))

    answer = await post(edge, "estimations", PERIOD | {"meter_ids": ["A"], "scale": False})
    refused = await post_raw(
        edge, "estimations", PERIOD | {"meter_ids": ["A"], "apply": True, "reason": "no"}
    )

    assert answer["meters"][0]["estimates"][0]["values"] == [30, 40]
    assert await final_values(edge, "A", count=4) == [10, 20, None, None]
    assert (refused.status_code, refused.json()["tiers"]) == (404, [1])


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        pytest.param({"meter_ids": ["X"]}, 404, "unknown-meter", id="unknown_meter"),
        pytest.param({}, 400, "malformed-request", id="no_meters"),
        pytest.param({"meter_ids": ["A"], "apply": True}, 400, "malformed-request", id="no_reason"),
        pytest.param(
            {"meter_ids": ["A"], "methods": [{"method": "guess"}]},
            400,
            "malformed-body",
            id="unknown_method",
        ),
        pytest.param(
            {"meter_ids": ["A"], "register": "1-0:1.7.0"}, 400, "malformed-request", id="demand"
        ),
        pytest.param({"meter_ids": ["A"], "scales": 1}, 400, "malformed-body", id="unknown_field"),
    ],
)
async def test_what_cannot_be_estimated(
    zone: Zone, body: dict[str, Any], status: int, slug: str
) -> None:
    answered = await post_raw(zone, "estimations", PERIOD | body)

    assert answered.status_code == status, answered.text
    assert answered.json()["type"] == f"urn:gridfaas:problem:{slug}"
