"""Register reads and flags of meters on the way: beside intervals, and off their grid."""

from tests.integration.functions.mdms.on_the_way import (
    DAY,
    carry,
    exceptions,
    findings,
    found,
    hold,
    meters,
    send_reads,
    validated,
)
from tests.integration.functions.readings import IMPORT, run, send
from tests.integration.functions.zone import Zone


async def test_intervals_that_do_not_add_up_to_the_register(
    validating: tuple[Zone, Zone], redis_url: str
) -> None:
    edge, fog = validating
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
    validating: tuple[Zone, Zone], redis_url: str
) -> None:
    edge, fog = validating
    for zone in (edge, fog):
        changed = [one | {"version": 2 + one["version"]} for one in meters("A", "B", dials=5)]
        await hold(zone, *changed, after=2)
    await send_reads(edge, ("A", "01:30", 900), ("B", "02:00", 300))
    await send_reads(edge, ("A", "00:00", 1_000), ("B", "00:00", 99_900))
    await carry(redis_url, edge, fog)
    await validated(fog)

    # Past its end A would have used 99,900 Wh in an hour and a half, and B 400.
    assert await found(fog, "A", "B") == [
        ("A", "backward-dial", "01:30", 1),
        ("B", "register-rollover", "02:00", 1),
    ]


async def test_what_meters_doubt_is_found_on_and_off_the_grid_with_its_code(
    validating: tuple[Zone, Zone], headquarters: Zone, redis_url: str, fog_url: str
) -> None:
    edge, fog = validating
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
