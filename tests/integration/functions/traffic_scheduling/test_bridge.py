"""Topics that are bridged: published at the edge, read in the zones above, each message once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from functions.messaging.app import create_app
from functions.runtime.config import WorkerConfig
from storage.hot.acl import provision_messaging
from storage.hot.connection import connect
from storage.hot.queues.library import install
from storage.hot.queues.topics import Message, Retention, Topics
from storage.hot.uplink import Pending, Uplink
from storage.model.traffic import INTERVALS, Cargo, TrafficClass, UplinkQueue
from tests.integration.functions.readings import eventually, hold_meters, run, send
from tests.integration.functions.traffic_scheduling.links import (
    StartLink,
    drained,
    status_of,
    waiting,
)
from tests.integration.functions.zone import App, Zone, lifespan

ALARMS = UplinkQueue(Cargo.MESSAGES, TrafficClass.ALARM)
Above = Callable[[Zone, int, str], Awaitable[Topics]]


def with_messaging(messaging: App, mdms: App) -> App:
    async def routed(scope: Any, receive: Any, reply: Any) -> None:
        app = messaging if scope["path"].startswith("/v1/messaging/") else mdms
        await app(scope, receive, reply)

    return routed


@pytest.fixture
async def add_messaging(opened: AsyncExitStack) -> AsyncIterator[Above]:
    """Start a zone's messaging behind its entrance; return its topics, as messaging sees them."""
    connections = AsyncExitStack()

    async def add(zone: Zone, tier: int, redis_url: str) -> Topics:
        await install(redis_url)
        url = await provision_messaging(redis_url, password="m" * 32)
        config = WorkerConfig(
            function="messaging",
            app="functions.messaging.app:create_app",
            tenant="platform",
            zone=zone.name,
            tier=tier,
            socket="",
            gateway_url="http://127.0.0.1:9",
            redis_url=url,
            zone_credential=zone.name,
            settings={"bridge_bytes": 20_000},
        )
        app = create_app(config)
        await opened.enter_async_context(lifespan(app))
        for tenant, mdms in zone.entrance.workers.items():
            zone.entrance.workers[tenant] = with_messaging(app, mdms)
        connection = connect(url)
        connections.push_async_callback(connection.aclose)
        return Topics(connection, retention=Retention())

    async with connections:
        yield add


async def bridge(zone: Zone, topic: str, traffic_class: str) -> None:
    answered = await zone.client.put(
        f"/v1/messaging/topics/{topic}/bridge", json={"class": traffic_class}
    )
    assert answered.status_code == 200, answered.text
    assert answered.json() == {"topic": topic, "class": traffic_class}


async def publish(zone: Zone, topic: str, body: bytes, kind: str = "text/plain") -> httpx.Response:
    return await zone.client.post(
        f"/v1/messaging/topics/{topic}", content=body, headers={"Content-Type": kind}
    )


async def queued(redis_url: str, queue: UplinkQueue) -> list[Pending]:
    """What waits in a zone for its parent."""
    connection = connect(redis_url, max_connections=1)
    try:
        uplink = Uplink(connection)
        return await uplink.pending("acme", queue, max_bytes=1 << 30, max_entries=10_000)
    finally:
        await connection.aclose()


async def messages(topics: Topics, topic: str, tenant: str = "acme") -> list[Message]:
    return await topics.read(tenant, topic, after="0-0", limit=1_000)


async def test_messages_of_a_bridged_topic_reach_the_zone_above_once_and_in_order(
    edge: Zone,
    fog: Zone,
    add_messaging: Above,
    start_link: StartLink,
    redis_url: str,
    fog_url: str,
) -> None:
    await add_messaging(edge, 3, redis_url)
    above = await add_messaging(fog, 2, fog_url)
    await publish(edge, "alarms", b"before the bridge")
    await bridge(edge, "alarms", "alarm")
    bodies = [b"\xff\x00 not text", *(b"%d" % number for number in range(20))]
    for body in bodies:
        assert (await publish(edge, "alarms", body, "application/x-alarm")).status_code == 201
    await publish(edge, "private", b"stays")
    take = fog.entrance.workers["acme"]
    lost = 0

    async def loses_answers(scope: Any, receive: Any, reply: Any) -> None:
        nonlocal lost

        async def unheard(_: Any) -> None:
            """The answer goes nowhere."""

        if lost == 2 or not scope["path"].startswith("/v1/messaging/"):
            await take(scope, receive, reply)
            return
        lost += 1
        await take(scope, receive, unheard)
        raise httpx.ReadError("cut before the answer")

    fog.entrance.workers["acme"] = loses_answers
    link = await start_link(edge, fog, redis_url, batch_entries=4)

    async def all_there() -> bool:
        return len(await messages(above, "alarms")) >= len(bodies)

    await eventually(all_there)
    await eventually(drained(redis_url, queue=ALARMS))
    came = await messages(above, "alarms")
    assert lost == 2
    assert [one.body for one in came] == bodies
    assert {(one.zone, one.content_type) for one in came} == {("zone-3a", "application/x-alarm")}
    assert await messages(above, "private") == []
    # They wait in the zone above for its own parent, as the edge stamped them.
    onward = await queued(fog_url, ALARMS)
    assert len(onward) == len(bodies)
    assert {one.entry.edge.partition("#")[0] for one in onward} == {"zone-3a"}
    (acme,) = [one for one in (await status_of(link))["tenants"] if one["tenant"] == "acme"]
    assert acme["classes"]["alarm"]["sent"]["entries"] == len(bodies)
    assert acme["classes"]["alarm"]["entries"] == 0


async def test_at_headquarters_messages_end_their_way(
    fog: Zone,
    headquarters: Zone,
    add_messaging: Above,
    start_link: StartLink,
    redis_url: str,
    fog_url: str,
) -> None:
    await add_messaging(fog, 2, fog_url)
    above = await add_messaging(headquarters, 1, redis_url)
    await bridge(fog, "orders", "control")
    await publish(fog, "orders", b"disconnect M-7")
    await start_link(fog, headquarters, fog_url)

    async def there() -> bool:
        return bool(await messages(above, "orders"))

    await eventually(there)
    assert [one.zone for one in await messages(above, "orders")] == ["zone-2"]
    refused = await headquarters.client.put(
        "/v1/messaging/topics/orders/bridge", json={"class": "alarm"}
    )
    assert refused.status_code == 404
    control = UplinkQueue(Cargo.MESSAGES, TrafficClass.CONTROL)
    assert await waiting(redis_url, queue=control) == 0


async def test_an_alarm_goes_before_the_intervals_that_fill_a_capped_link(
    edge: Zone,
    fog: Zone,
    add_messaging: Above,
    start_link: StartLink,
    redis_url: str,
    fog_url: str,
) -> None:
    await add_messaging(edge, 3, redis_url)
    above = await add_messaging(fog, 2, fog_url)
    for zone in (edge, fog):
        await hold_meters(zone, "A")
    await bridge(edge, "alarms", "alarm")
    for day in range(1, 29):
        values = [(day * 7919 + slot * 104_729) % 100_000 for slot in range(96)]
        await send(edge, run("A", values, start=f"2026-02-{day:02}T00:00:00Z"))
    link = await start_link(
        edge, fog, redis_url, link_bits_per_s=16_000, registry_every_s=3_600, batch_entries=1
    )

    async def begun() -> bool:
        return await waiting(redis_url) < 28

    await eventually(begun)
    await publish(edge, "alarms", b"power fail")

    async def raised() -> bool:
        return bool(await messages(above, "alarms"))

    await eventually(raised)
    assert await waiting(redis_url) > 0
    await eventually(drained(redis_url))
    brought = [one.entry for one in await queued(fog_url, INTERVALS)]
    assert sum(entry.edge.startswith("zone-3a#") for entry in brought) == 28
    told = await status_of(link)
    (acme,) = [one for one in told["tenants"] if one["tenant"] == "acme"]
    assert acme["classes"]["interval"]["sent"]["entries"] == 28
    assert acme["classes"]["interval"]["sent"]["saved_bytes"] >= 0
    assert told["link"]["cap_bits_per_s"] == 16_000
    assert told["link"]["cap_waits"] > 0
    exposed = (await link.get("/metrics")).text
    assert 'gridfaas_uplink_entries_total{class="alarm",lane="live",tenant="acme"' in exposed
    assert 'gridfaas_link_bytes_total{direction="up",zone="zone-3a"}' in exposed


async def test_what_waits_for_a_parent_that_is_away_is_bounded_and_said(
    edge: Zone, add_messaging: Above, redis_url: str
) -> None:
    here = await add_messaging(edge, 3, redis_url)
    await bridge(edge, "alarms", "alarm")
    answers = [await publish(edge, "alarms", b"x" * 3_000) for _ in range(10)]

    taken = [answer.status_code for answer in answers].count(201)
    assert 0 < taken < 10
    assert answers[-1].status_code == 429
    assert "bridge_bytes" in answers[-1].text
    assert len(await messages(here, "alarms")) == taken == await waiting(redis_url, queue=ALARMS)
    listed = (await edge.client.get("/v1/messaging/topics")).json()["topics"]
    assert [(one["topic"], one["bridge"]) for one in listed] == [("alarms", "alarm")]

    assert (await edge.client.delete("/v1/messaging/topics/alarms/bridge")).status_code == 204
    assert (await publish(edge, "alarms", b"x" * 3_000)).status_code == 201
    assert (await edge.client.delete("/v1/messaging/topics/alarms/bridge")).status_code == 404
    assert await waiting(redis_url, queue=ALARMS) == taken


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"class": "urgent"}, 422, id="no_such_class"),
        pytest.param({"class": "alarm", "way": "down"}, 422, id="unknown_member"),
    ],
)
async def test_a_bridge_of_no_known_class_is_refused(
    edge: Zone, add_messaging: Above, redis_url: str, body: dict[str, str], status: int
) -> None:
    await add_messaging(edge, 3, redis_url)

    answered = await edge.client.put("/v1/messaging/topics/alarms/bridge", json=body)

    assert answered.status_code in (400, status)
    assert answered.headers["content-type"] == "application/problem+json"


async def test_only_zones_bring_messages_and_only_of_their_own_edges(
    fog: Zone, add_messaging: Above, fog_url: str
) -> None:
    await add_messaging(fog, 2, fog_url)
    as_tenant = await fog.client.post("/v1/messaging/uplink/alarm", content=b"\x90")
    broken = await fog.client.post(
        "/v1/messaging/uplink/alarm",
        content=b"?",
        headers=fog.calls_as("zone-3a", tenant="acme"),
    )
    foreign = await fog.client.post(
        "/v1/messaging/uplink/alarm",
        content=b"\x91\x94\xa9zone-3x#1\x01\xc4\x00\xc4\x00",
        headers=fog.calls_as("zone-3a", tenant="acme"),
    )

    publishing = await fog.client.post(
        "/v1/messaging/topics/alarms",
        content=b"as a zone",
        headers=fog.calls_as("zone-3a", tenant="acme"),
    )

    answered = (as_tenant, broken, foreign, publishing)
    assert [one.status_code for one in answered] == [403, 400, 403, 403]
