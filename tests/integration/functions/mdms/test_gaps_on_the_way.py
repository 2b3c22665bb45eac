"""Gaps that zone 2 looks for: when a meter does not say what others say, and filling them."""

from tests.integration.functions.mdms.on_the_way import (
    carry,
    found,
    hold,
    meters,
    validated,
)
from tests.integration.functions.readings import eventually, final_values, run, send
from tests.integration.functions.zone import Zone


async def test_a_meter_that_does_not_say_what_others_say_has_a_gap(
    validating: tuple[Zone, Zone], redis_url: str
) -> None:
    edge, fog = validating
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


async def test_a_gap_that_a_group_says_to_fill_is_estimated_and_an_actual_value_wins(
    validating: tuple[Zone, Zone], headquarters: Zone, redis_url: str, fog_url: str
) -> None:
    edge, fog = validating
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
