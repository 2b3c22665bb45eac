"""Which rules a meter's group has: what zone 2 finds by them, and what zone 3 lets in."""

from typing import Any

from tests.integration.functions.mdms.on_the_way import (
    carry,
    found,
    hold,
    meters,
    validated,
)
from tests.integration.functions.readings import run, send
from tests.integration.functions.zone import Zone


async def test_the_group_of_a_meter_says_what_fails(
    validating: tuple[Zone, Zone], redis_url: str
) -> None:
    edge, fog = validating
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


async def test_a_group_may_let_in_what_the_first_hop_refuses(
    validating: tuple[Zone, Zone], redis_url: str
) -> None:
    edge, fog = validating
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
