"""Validation of what passes zone 2: found once, told to headquarters, withdrawn by late data."""

from contextlib import AsyncExitStack
from typing import Any

import pytest

from storage.hot.connection import connect
from storage.hot.tiering import TierNotes
from tests.integration.functions.mdms.on_the_way import (
    DAY,
    QUICK,
    carry,
    findings,
    found,
    hold,
    meters,
    validated,
)
from tests.integration.functions.readings import IMPORT, eventually, final_values, run, send
from tests.integration.functions.zone import Zone, open_zone, provision_hot

SPIKE = ("A", "interval-spike", "00:30", 1)


@pytest.fixture
async def fog(opened: AsyncExitStack, fog_url: str) -> Zone:
    """zone-2, which validates at once."""
    await provision_hot(fog_url)
    return await open_zone(opened, name="zone-2", tier=2, redis_url=fog_url, settings=QUICK)


@pytest.fixture
async def zones(edge: Zone, fog: Zone) -> tuple[Zone, Zone]:
    for zone in (edge, fog):
        await hold(zone, *meters("A", "B"))
    return edge, fog


async def exceptions(headquarters: Zone, **asked: Any) -> list[tuple[str, str, str, int]]:
    answered = await headquarters.client.get("/v1/mdms/exceptions", params=asked)
    assert answered.status_code == 200, answered.text
    return sorted(
        (one["meter_id"], one["rule"], one["from"][11:16], one["intervals"])
        for one in answered.json()["exceptions"]
    )


async def test_a_finding_becomes_an_exception_and_late_data_ends_it(
    zones: tuple[Zone, Zone], headquarters: Zone, redis_url: str, fog_url: str
) -> None:
    edge, fog = zones
    await headquarters.client.post(
        "/v1/mdms/meters",
        json={"meters": [{"meter_id": "A", "registers": [IMPORT], "interval_s": 900}]},
    )
    await send(edge, run("A", [100, 110, 9_000, 105, 99, 101]))
    await carry(redis_url, edge, fog)
    await validated(fog)
    assert await found(fog, "A") == [SPIKE]
    await carry(fog_url, fog, headquarters)
    assert await exceptions(headquarters) == [SPIKE]

    # The oven was on: with a high neighbour it is no spike any more.
    await send(edge, run("A", [8_000], start="2026-01-01T00:45:00Z"))
    await carry(redis_url, edge, fog)
    await validated(fog)
    assert await found(fog, "A") == []
    await carry(fog_url, fog, headquarters)
    assert await exceptions(headquarters) == []
    closed = await headquarters.client.get("/v1/mdms/exceptions", params={"state": "closed"})
    [withdrawn] = closed.json()["exceptions"]
    assert (withdrawn["decision"], withdrawn["decided_by"]) == ("withdrawn", "validation@zone-2")
    audited = await headquarters.client.get(
        "/v1/mdms/audit", params={"action": "exception-withdrawn"}
    )
    [row] = audited.json()["audit"]
    assert (row["actor"], row["exception_id"]) == ("validation@zone-2", withdrawn["exception_id"])
    assert (row["meter_id"], row["from"], row["reason"]) == (
        "A",
        "2026-01-01T00:30:00Z",
        withdrawn["reason"],
    )


async def test_findings_that_are_sent_again_open_nothing_twice(
    zones: tuple[Zone, Zone], headquarters: Zone, redis_url: str, fog_url: str
) -> None:
    from tests.integration.functions.mdms.on_the_way import post_entries

    edge, fog = zones
    await send(edge, run("A", [100, 110, 9_000, 105, 99, 101]))
    await carry(redis_url, edge, fog)
    await validated(fog)
    first = await carry(fog_url, fog, headquarters)
    await send(edge, run("A", [8_000], start="2026-01-01T00:45:00Z"))
    await carry(redis_url, edge, fog)
    await validated(fog)
    await carry(fog_url, fog, headquarters)
    await post_entries(headquarters, fog.name, first)

    assert await exceptions(headquarters) == []
    assert len(await exceptions(headquarters, state="closed")) == 1
    audited = await headquarters.client.get("/v1/mdms/audit", params={"meter_id": "A"})
    assert len(audited.json()["audit"]) == 1


async def test_a_meter_that_does_not_say_what_others_say_has_a_gap(
    zones: tuple[Zone, Zone], redis_url: str
) -> None:
    edge, fog = zones
    await send(edge, run("A", [100] * 3), run("B", [100 + at for at in range(12)]))
    await carry(redis_url, edge, fog)

    async def gap_of(count: int) -> bool:
        return await found(fog, "A", "B") == [("A", "missing-interval", "00:45", count)]

    # An hour is given, so the last four of B's twelve quarters are not waited for yet.
    await eventually(lambda: gap_of(5))
    await send(edge, run("B", [90, 95, 91], start="2026-01-01T03:00:00Z"))
    await carry(redis_url, edge, fog)
    await eventually(lambda: gap_of(8))
    await send(edge, run("A", [101, 102], start="2026-01-01T00:45:00Z"))
    await carry(redis_url, edge, fog)
    await validated(fog)
    assert await found(fog, "A", "B") == [("A", "missing-interval", "01:15", 6)]


async def test_the_group_of_a_meter_says_what_fails(
    zones: tuple[Zone, Zone], redis_url: str
) -> None:
    edge, fog = zones
    rules = {
        "groups": [
            {
                "group": "north",
                "version": 3,
                "applies_to": {"feeder": "F-01"},
                "rules": [{"rule": "high-low", "parameters": {"high_w": 400}}],
            }
        ]
    }
    changed = [one | {"version": 3 + at} for at, one in enumerate(meters("A", feeder="F-01"))]
    for zone in (edge, fog):
        await hold(zone, *changed, rules=rules, after=2)
    await send(edge, run("A", [90, 101, 9_000]), run("B", [90, 101, 9_000]))
    await carry(redis_url, edge, fog)
    await validated(fog)

    assert await found(fog, "A", "B") == [
        ("A", "high-low", "00:15", 2),
        ("B", "interval-spike", "00:30", 1),
    ]


async def test_findings_are_asked_for_in_zone_2(edge: Zone) -> None:
    refused = await edge.client.get("/v1/mdms/findings", params={"meter_id": "A"} | DAY)

    assert refused.status_code == 404
    assert refused.json()["tiers"] == [2]


async def test_a_gap_that_a_group_says_to_fill_is_estimated_and_an_actual_value_wins(
    zones: tuple[Zone, Zone], headquarters: Zone, redis_url: str, fog_url: str
) -> None:
    edge, fog = zones
    rules = {
        "groups": [
            {
                "group": "all",
                "version": 1,
                "rules": [{"rule": "missing-interval", "parameters": {"grace_s": 900}}],
                "fill": {"after_s": 1_800, "methods": ["linear-interpolation"]},
            }
        ]
    }
    await hold(fog, rules=rules, after=2)
    as_hq = {"meters": meters("A", "B")}
    for one in as_hq["meters"]:
        del one["version"]
    await headquarters.client.post("/v1/mdms/meters", json=as_hq)
    await send(edge, run("A", [100]), run("A", [130], start="2026-01-01T00:45:00Z"))
    await send(edge, run("B", [100 + at for at in range(12)]))
    await carry(redis_url, edge, fog)

    async def estimated() -> bool:
        return (await final_values(fog, "A", count=4)) == [100, 110, 120, 130]

    await eventually(estimated)

    async def no_gap_there() -> bool:
        return ("A", "missing-interval", "00:15", 2) not in await found(fog, "A")

    await eventually(no_gap_there)
    await carry(fog_url, fog, headquarters)
    assert await final_values(headquarters, "A", count=4) == [100, 110, 120, 130]

    await send(edge, run("A", [111], start="2026-01-01T00:15:00Z"))
    await carry(redis_url, edge, fog)
    await validated(fog)
    assert await final_values(fog, "A", count=4) == [100, 111, 120, 130]
    await carry(fog_url, fog, headquarters)
    assert await final_values(headquarters, "A", count=4) == [100, 111, 120, 130]


async def send_reads(zone: Zone, *reads: tuple[str, str, int]) -> None:
    """Post register reads: meter, time of the day and what the dials show."""
    body = {
        "readings": [
            {"meter_id": name, "register": IMPORT, "at": f"2026-01-01T{at}:00Z", "value": value}
            for name, at, value in reads
        ]
    }
    answered = await zone.client.post("/v1/mdms/readings", json=body)
    assert answered.json()["accepted"] == len(reads), answered.text


async def test_intervals_that_do_not_add_up_to_the_register(
    zones: tuple[Zone, Zone], redis_url: str
) -> None:
    edge, fog = zones
    # The reads are there before the intervals between them, and those come late.
    await send_reads(edge, ("A", "00:00", 1_000), ("A", "02:00", 2_000), ("B", "00:00", 7))
    await carry(redis_url, edge, fog)
    await send(edge, run("A", [100, 101, 99, 100, 102, 98, 100, 100]))
    await carry(redis_url, edge, fog)
    await validated(fog)
    assert await found(fog, "A", "B") == [("A", "sum-check", "02:00", 1)]

    await send(edge, run("A", [300], start="2026-01-01T01:45:00Z"))
    await carry(redis_url, edge, fog)
    await validated(fog)
    assert await found(fog, "A", "B") == []


async def test_a_register_that_goes_back_or_past_its_end(
    edge: Zone, fog: Zone, redis_url: str
) -> None:
    for zone in (edge, fog):
        await hold(zone, *meters("A", "B", dials=5))
    await send_reads(edge, ("A", "01:30", 900), ("B", "02:00", 300))
    await send_reads(edge, ("A", "00:00", 1_000), ("B", "00:00", 99_900))
    await carry(redis_url, edge, fog)
    await validated(fog)

    # Past its end A would have used 99,900 Wh in an hour and a half, and B 400.
    assert await found(fog, "A", "B") == [
        ("A", "backward-dial", "01:30", 1),
        ("B", "register-rollover", "02:00", 1),
    ]


async def test_a_group_may_let_in_what_the_first_hop_refuses(
    zones: tuple[Zone, Zone], redis_url: str
) -> None:
    edge, fog = zones
    rules: dict[str, Any] = {
        "groups": [
            {
                "group": "north",
                "version": 1,
                "applies_to": {"feeder": "F-01"},
                "rules": [
                    {"rule": "negative-consumption", "enabled": False},
                    {"rule": "stale", "parameters": {"days": 36_500}},
                    {"rule": "negative-interval"},
                ],
            }
        ]
    }
    changed = [one | {"version": 3} for one in meters("A", feeder="F-01")]
    for zone in (edge, fog):
        await hold(zone, *changed, rules=rules, after=2)
    long_ago = {"start": "1990-01-01T00:00:00Z"}
    series = [run("A", [100, -5]), run("B", [100, -5]), run("A", [7], **long_ago)]
    series.append(run("B", [7], **long_ago))
    answer = await send(edge, *series)
    reasons = [[one.get("reason") for one in each["outcomes"]] for each in answer["series"]]
    await carry(redis_url, edge, fog)
    await validated(fog)

    assert reasons == [[None], [None, "negative-consumption"], [None], ["stale"]]
    assert await found(fog, "A", "B") == [("A", "negative-interval", "00:15", 1)]


async def test_what_meters_doubt_is_found_on_and_off_the_grid_with_its_code(
    zones: tuple[Zone, Zone], headquarters: Zone, redis_url: str, fog_url: str
) -> None:
    edge, fog = zones
    as_hq = [{key: one[key] for key in one if key != "version"} for one in meters("A", "B")]
    await headquarters.client.post("/v1/mdms/meters", json={"meters": as_hq})
    await send(edge, run("A", [100, 101, 102], quality=[0, 10, 0]))
    # 7 s late, and a register read: neither has a slot.
    late = run("B", [99, 98], start="2026-01-01T00:15:07Z", quality=[10, 0])
    read = {"meter_id": "B", "register": IMPORT, "at": "2026-01-01T01:00:00Z", "value": 5}
    await send(edge, late)
    answered = await edge.client.post(
        "/v1/mdms/readings", json={"readings": [read | {"quality": 10}]}
    )
    assert answered.json()["accepted"] == 1
    await carry(redis_url, edge, fog)
    await validated(fog)

    flagged = [
        ("A", "meter-flag", "00:15", 1),
        ("B", "meter-flag", "01:00", 1),
        ("B", "meter-flag-off-grid", "00:15", 1),
    ]
    assert await found(fog, "A", "B") == flagged
    assert {one["iec_code"] for one in (await findings(fog, "A", "B"))["findings"]} == {"1.4.9"}
    await carry(fog_url, fog, headquarters)
    opened = await exceptions(headquarters)
    assert [one[:3] for one in opened] == [one[:3] for one in flagged]
    asked = {"meter_id": "A", "quality": 10} | DAY
    doubted = (await edge.client.get("/v1/mdms/readings", params=asked)).json()["series"]
    assert [value for one in doubted for value in one["values"]].count(101) == 1

    # The slot of B's late interval gets its value, which says nothing of the late one.
    await send(edge, run("A", [110], start="2026-01-01T00:15:00Z"))
    await send(edge, run("B", [99], start="2026-01-01T00:15:00Z"))
    await send(edge, run("B", [97], start="2026-01-01T00:15:07Z"))
    await edge.client.post("/v1/mdms/readings", json={"readings": [read | {"value": 6}]})
    await carry(redis_url, edge, fog)
    await validated(fog)
    assert await found(fog, "A", "B") == []


async def test_findings_of_days_that_were_dropped_go_but_those_of_blocks_that_stayed(
    zones: tuple[Zone, Zone], redis_url: str, fog_url: str
) -> None:
    edge, fog = zones
    # A's first day has a block, B's has none but a register that goes back; both have gaps.
    await send(edge, run("A", [100, 110, 9_000, 105, 99, 101]))
    await send_reads(edge, ("B", "00:00", 5_000), ("B", "02:00", 1_000))
    await send(edge, run("A", [100] * 4, start="2026-01-02T00:00:00Z"))
    await carry(redis_url, edge, fog)
    await validated(fog)
    spike, backward = SPIKE, ("B", "backward-dial", "02:00", 1)

    async def both_found() -> bool:
        return {spike, backward} <= set(await found(fog, "A", "B"))

    await eventually(both_found)
    admin = connect(fog_url)
    try:
        await TierNotes(admin, slug="acme").will_drop(20_454)
    finally:
        await admin.aclose()
    await send(edge, run("A", [100] * 4, start="2026-01-02T01:00:00Z"))
    await carry(redis_url, edge, fog)

    async def pruned() -> bool:
        return backward not in await found(fog, "A", "B")

    await eventually(pruned)
    assert spike in await found(fog, "A", "B")
