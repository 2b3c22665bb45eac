"""Lazy replication: what a zone has acknowledged stays there until it has cooled."""

from tests.integration.functions.readings import eventually, final_values, hold_meters, run, send
from tests.integration.functions.traffic_scheduling.links import StartLink, drained, waiting
from tests.integration.functions.zone import Zone

COOLS_LATE = {"replication": "lazy", "lazy_after_s": 3_600.0}


async def test_what_has_not_cooled_stays(
    edge: Zone, fog: Zone, start_link: StartLink, redis_url: str
) -> None:
    await hold_meters(edge, "A")
    await hold_meters(fog, "A")
    await start_link(edge, fog, redis_url, **COOLS_LATE)
    await send(edge, run("A", [5]))
    register_read = {"meter_id": "A", "register": "1-0:1.8.0", "at": "2026-01-01T00:00:00Z"}
    listed = await edge.client.post(
        "/v1/mdms/readings", json={"readings": [register_read | {"value": 812}]}
    )
    assert listed.json()["accepted"] == 1

    async def bills_go_on() -> bool:
        answer = await fog.client.get(
            "/v1/mdms/events",
            params={
                "meter_id": "A",
                "from": "2026-01-01T00:00:00Z",
                "to": "2026-01-02T00:00:00Z",
            },
        )
        return bool(answer.json()["events"])

    await eventually(bills_go_on)
    assert await waiting(redis_url) == 1
    assert await final_values(fog, "A", count=1) == [None]


async def test_what_has_cooled_goes_on_in_order(
    edge: Zone, fog: Zone, start_link: StartLink, redis_url: str
) -> None:
    await hold_meters(edge, "A")
    await hold_meters(fog, "A")
    await send(edge, run("A", [5, 6]))
    await send(edge, run("A", [5, 60]))
    await start_link(edge, fog, redis_url, replication="lazy", lazy_after_s=0.2)

    await eventually(drained(redis_url))

    assert await final_values(fog, "A", count=3) == [5, 60, None]


async def test_a_bound_of_bytes_lets_it_go_before(
    edge: Zone, fog: Zone, start_link: StartLink, redis_url: str
) -> None:
    await hold_meters(edge, "A")
    await hold_meters(fog, "A")
    await start_link(edge, fog, redis_url, **COOLS_LATE, lazy_bytes=1)
    await send(edge, run("A", [5]))

    await eventually(drained(redis_url))

    assert await final_values(fog, "A", count=1) == [5]
