"""The link between zones, with real stores on both sides: 3 -> 2 -> 1, up, down, and up again."""

import asyncio
from typing import Any

import httpx

from storage.hot.connection import connect
from storage.hot.uplink import Uplink
from tests.integration.functions.readings import (
    eventually,
    final_values,
    hold_meters,
    meter,
    run,
    send,
)
from tests.integration.functions.traffic_scheduling.links import (
    StartLink,
    Way,
    drained,
    status_of,
    waiting,
)
from tests.integration.functions.zone import Zone


async def test_what_a_tenant_left_behind_in_a_zone_reaches_the_record(
    edge: Zone, headquarters: Zone, start_link: StartLink, redis_url: str
) -> None:
    await headquarters.client.post("/v1/mdms/meters", json={"meters": [meter("A")]})
    await hold_meters(edge, "A")
    assert (await send(edge, run("A", [7, 8])))["accepted"] == 2
    del edge.entrance.workers["acme"]
    edge.entrance.leaving.add("acme")

    link = await start_link(edge, headquarters, redis_url)
    await eventually(drained(redis_url))

    assert await final_values(headquarters, "A", count=2) == [7, 8]
    tenants = {one["tenant"]: one for one in (await status_of(link))["tenants"]}
    assert (tenants["acme"]["leaving"], tenants["acme"]["backlog_entries"]) == (True, 0)
    exposed = (await link.get("/metrics")).text
    assert 'gridfaas_uplink_backlog_entries{tenant="acme",zone="zone-3a"} 0.0' in exposed
    assert 'gridfaas_uplink_failures_total{kind="registry",tenant="acme"' not in exposed
    assert tenants["bolt"]["leaving"] is False


async def test_a_reading_travels_from_the_edge_to_the_record(way: Way) -> None:
    await way.register("A")
    await way.open()
    await way.has_registered("A")
    await send(way.edge, run("A", [5, 6]))
    await send(way.edge, run("A", [5, 60]))
    await eventually(drained(way.edge_url, way.fog_url))

    for zone in (way.edge, way.fog, way.headquarters):
        assert await final_values(zone, "A", count=3) == [5, 60, None]


async def test_an_entry_is_trimmed_only_after_the_parent_has_it(
    edge: Zone, fog: Zone, start_link: StartLink, redis_url: str, fog_url: str
) -> None:
    await hold_meters(edge, "A")
    await hold_meters(fog, "A")
    fog.entrance.unreachable = True
    link = await start_link(edge, fog, redis_url)
    await send(edge, run("A", [5]))

    async def noticed() -> bool:
        return not (await status_of(link))["link"]["up"]

    await eventually(noticed)
    cut_off = await status_of(link)
    held_while_down = await waiting(redis_url)
    fog.entrance.unreachable = False
    await eventually(drained(redis_url))

    async def up() -> bool:
        return (await status_of(link))["link"]["up"]

    await eventually(up)
    backlog = {one["tenant"]: one["backlog_entries"] for one in cut_off["tenants"]}
    assert held_while_down == 1
    assert backlog == {"acme": 1, "bolt": 0}
    assert "the link is cut" in cut_off["link"]["last_error"]
    assert await final_values(fog, "A", count=1) == [5]


async def test_a_backlog_of_many_batches_arrives_in_order(
    edge: Zone, fog: Zone, start_link: StartLink, redis_url: str, fog_url: str
) -> None:
    await hold_meters(edge, "A")
    await hold_meters(fog, "A")
    for value in range(50):
        await send(edge, run("A", [value]))

    await start_link(edge, fog, redis_url, batch_entries=3)
    await eventually(drained(redis_url))

    answered = await fog.client.get(
        "/v1/mdms/readings",
        params={"meter_id": "A", "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:15:00Z"},
    )
    series = answered.json()["series"][0]
    assert (series["final"], series["revision"]) == ([49], [49])
    assert len(await sequences_of(fog_url)) == 50


async def test_a_lost_answer_means_a_resend_that_changes_nothing(
    edge: Zone, fog: Zone, start_link: StartLink, redis_url: str, fog_url: str
) -> None:
    await hold_meters(edge, "A")
    await hold_meters(fog, "A")
    lost = 0
    take = fog.entrance.workers["acme"]

    async def loses_answers(scope: Any, receive: Any, reply: Any) -> None:
        nonlocal lost
        await take(scope, receive, reply if lost == 2 else _unheard)
        if lost < 2:
            lost += 1
            raise httpx.ReadError("cut before the answer")

    async def _unheard(message: Any) -> None:
        """The answer goes nowhere."""

    await send(edge, run("A", [5]))
    await send(edge, run("A", [6]))
    fog.entrance.workers["acme"] = loses_answers
    await start_link(edge, fog, redis_url, registry_every_s=3_600)
    await eventually(drained(redis_url))

    fog.entrance.workers["acme"] = take
    assert lost == 2
    assert await final_values(fog, "A", count=1) == [6]
    assert await waiting(fog_url) == 2


async def test_a_tenant_whose_batch_is_refused_does_not_hold_up_the_others(
    edge: Zone, fog: Zone, start_link: StartLink, redis_url: str, fog_url: str
) -> None:
    admin = connect(redis_url, max_connections=1)
    await admin.call(
        "XADD", "up:acme", "*", "e", "zone-3a", "s", 1, "x", b"", "p", b"poison", "c", "interval"
    )
    await admin.aclose()
    for zone in (edge, fog):
        await hold_meters(zone, "A", tenant="bolt")
    link = await start_link(edge, fog, redis_url)
    await send(edge, run("A", [7]), tenant="bolt")

    async def delivered() -> bool:
        return await waiting(redis_url, "bolt") == 0

    await eventually(delivered)

    async def counted() -> bool:
        text = (await link.get("/metrics")).text
        return 'failures_total{kind="refused",tenant="acme",zone="zone-3a"}' in text

    await eventually(counted)
    of_acme = (await status_of(link))["tenants"][0]
    assert await final_values(fog, "A", count=1, tenant="bolt") == [7]
    assert (of_acme["tenant"], of_acme["backlog_entries"]) == ("acme", 1)
    assert "malformed-body" in of_acme["last_error"]


async def test_a_full_parent_is_tried_again_until_it_has_room(
    edge: Zone, fog: Zone, start_link: StartLink, redis_url: str, fog_url: str
) -> None:
    for zone in (edge, fog):
        await hold_meters(zone, "A")
    take = fog.entrance.workers["acme"]
    refusals = 0

    async def full(scope: Any, receive: Any, reply: Any) -> None:
        nonlocal refusals
        refusals += 1
        await reply({"type": "http.response.start", "status": 503, "headers": []})
        await reply({"type": "http.response.body", "body": b"no room"})

    await send(edge, run("A", [5]))
    fog.entrance.workers["acme"] = full
    await start_link(edge, fog, redis_url, registry_every_s=3_600)

    async def refused_again() -> bool:
        return refusals >= 3

    await eventually(refused_again)
    held = await waiting(redis_url)
    fog.entrance.workers["acme"] = take
    await eventually(drained(redis_url))

    assert held == 1
    assert await final_values(fog, "A", count=1) == [5]


async def test_the_zone_goes_on_when_its_own_gateway_does_not_answer(
    edge: Zone, fog: Zone, start_link: StartLink, redis_url: str, fog_url: str
) -> None:
    for zone in (edge, fog):
        await hold_meters(zone, "A")
    link = await start_link(edge, fog, redis_url)

    async def tenants_known() -> bool:
        return len((await status_of(link))["tenants"]) == 2

    await eventually(tenants_known)
    await send(edge, run("A", [5]))
    edge.entrance.unreachable = True
    await eventually(drained(redis_url))

    assert await final_values(fog, "A", count=1) == [5]


async def sequences_of(redis_url: str) -> list[int]:
    """The edge's entries that wait in a zone for its parent, in the order in which they came."""
    connection = connect(redis_url, max_connections=1)
    try:
        found = await Uplink(connection).pending("acme", max_bytes=1 << 30, max_entries=10_000)
    finally:
        await connection.aclose()
    # Zone 2 adds entries of its own.
    return [one.entry.sequence for one in found if one.entry.edge.startswith("zone-3a#")]


async def test_live_readings_overtake_the_backlog_of_an_outage_and_corrections_do_not(
    edge: Zone,
    fog: Zone,
    headquarters: Zone,
    start_link: StartLink,
    redis_url: str,
    fog_url: str,
) -> None:
    await headquarters.client.post("/v1/mdms/meters", json={"meters": [meter("A")]})
    for zone in (edge, fog):
        await hold_meters(zone, "A")
    link = await start_link(
        edge, fog, redis_url, backlog_after_s=3.0, batch_entries=1, lanes=2, registry_every_s=3_600
    )
    # The first answer tells that the parent knows what it has.
    await send(edge, run("A", [1]))
    await eventually(drained(redis_url))
    fog.entrance.unreachable = True
    for slot in range(1, 60):
        at = f"2026-01-01T{slot // 4:02}:{slot % 4 * 15:02}:00Z"
        await send(edge, run("A", [slot], start=at))

    async def is_old() -> bool:
        (waits,) = [one for one in (await status_of(link))["tenants"] if one["tenant"] == "acme"]
        return bool(waits["classes"]["interval"]["oldest_age_s"] > 3.1)

    await eventually(is_old)
    backlog = await sequences_of(redis_url)
    take = fog.entrance.workers["acme"]
    gate = asyncio.Event()
    posts = 0

    async def stops_the_backlog(scope: Any, receive: Any, reply: Any) -> None:
        nonlocal posts
        posts += 1
        if posts == 3:
            # Held in flight until what is live has gone by.
            await gate.wait()
        await take(scope, receive, reply)

    fog.entrance.workers["acme"] = stops_the_backlog
    fog.entrance.unreachable = False

    async def held() -> bool:
        return posts >= 3

    await eventually(held)
    await send(edge, run("A", [100], start="2026-01-01T20:00:00Z"))
    await send(edge, run("A", [777], start="2026-01-01T10:00:00Z"))

    async def overtaken() -> bool:
        return max(await sequences_of(fog_url)) > backlog[-1]

    await eventually(overtaken)
    came = await sequences_of(fog_url)
    assert set(backlog) - set(came)
    gate.set()
    await eventually(drained(redis_url))
    came = await sequences_of(fog_url)
    await start_link(fog, headquarters, fog_url)
    await eventually(drained(fog_url))

    assert len(came) == len(set(came)) == 62
    # The correction waited for what it corrects, and for all that was before it.
    assert came[-1] == max(came)
    assert came.index(sorted(came)[-2]) < came.index(backlog[-1])
    expected = [1, *range(1, 40), 777, *range(41, 60), *[None] * 20, 100]
    for zone in (fog, headquarters):
        assert await final_values(zone, "A", count=81) == expected
