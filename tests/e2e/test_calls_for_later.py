"""Calls and messages that were accepted are carried out, whatever process is killed meanwhile."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import redis.asyncio

from tests.e2e.deployed import Developer
from tests.e2e.lab import Lab, open_lab
from tests.e2e.processes import Processes

ZONE = "zone-2"
SETTLE_S = 120.0
CALLS = 12
PAUSE_S = 0.1
HANDLER = """\
import asyncio

async def handle(event, context):
    await asyncio.sleep(0.2)
    return {"echo": event.body.decode(), "tenant": context.tenant}
"""
TOPIC = "/v1/messaging/topics/meter-events"
SPEC = """\
triggers: [{type: topic, topic: meter-events, tries: 8}]
asynchronous: {tries: 8, backoff_s: 0.2, max_backoff_s: 2}
concurrency: 4
max: 1
"""


@pytest.fixture
async def lab(lab_folder: Path) -> AsyncIterator[Lab]:
    async with open_lab(lab_folder) as lab:
        yield lab


def victims(lab: Lab, tenant: str) -> dict[str, Callable[[], Awaitable[int]]]:
    """Every kind of process that a call passes, by name."""
    found = Processes(lab)
    return {
        "the function's worker": lambda: found.worker(ZONE, "echo", tenant),
        "the messaging worker": lambda: found.worker(ZONE, "messaging", None),
        "the gateway": lambda: found.supervised(f"gateway-{ZONE}"),
        "the agent": lambda: found.supervised(f"agent-{ZONE}"),
        "the zygote": lambda: found.zygote(ZONE),
        "the store": lambda: found.supervised(f"valkey-{ZONE}"),
    }


@pytest.mark.timeout(500)
async def test_every_accepted_call_and_message_is_carried_out(lab: Lab) -> None:
    tenant = lab.tenants[0]
    developer = Developer(lab, tenant)
    accepted: dict[str, str] = {}
    published: list[str] = []
    try:
        await developer.deploy("echo", handler=HANDLER, spec=SPEC, zone=ZONE)
        for name, find in victims(lab, tenant).items():
            for number in range(CALLS):
                body = f"{name} {number}"
                accepted[await developer.call_later(ZONE, "echo", body.encode())] = body
                published.append(await developer.publish(ZONE, TOPIC, body.encode()))
            os.kill(await find(), signal.SIGKILL)
            await asyncio.sleep(0.3)
        async with asyncio.timeout(SETTLE_S):
            await lab.recovered()
        ended = await developer.ended(ZONE, accepted, within_s=SETTLE_S)
        await until_delivered(lab, tenant, published)
    finally:
        await developer.aclose()
    assert len(ended) == CALLS * len(victims(lab, tenant))
    for call, body in accepted.items():
        assert ended[call]["state"] == "done", ended[call]
        assert ended[call]["result"]["body"] == {"echo": body, "tenant": tenant}


async def until_delivered(lab: Lab, tenant: str, messages: list[str]) -> None:
    """Return when the zone's own store has a call that is done for each message."""
    states: dict[str, set[str]] = {}
    for _ in range(int(SETTLE_S / PAUSE_S)):
        async with redis.asyncio.Redis.from_url(
            lab.running.stores.redis_urls[ZONE], decode_responses=True
        ) as store:
            async for name in store.scan_iter(f"q:{tenant}:c:*", count=1000):
                message, state = await store.hmget(name, "message", "state")
                if message is not None:
                    states.setdefault(message, set()).add(state)
        if all("done" in states.get(message, ()) for message in messages):
            return
        await asyncio.sleep(PAUSE_S)
    raise AssertionError([message for message in messages if "done" not in states.get(message, ())])


RECORDER = """\
heard = []

async def handle(event, context):
    if event.method == "GET":
        return heard
    heard.append([event.trigger, event.text(), event.headers.get("ce-source")])
"""
LISTENS = (
    "max: 1\ntriggers: [{type: topic, topic: meter-events}, {type: schedule, cron: '* * * * *'}]\n"
)


@pytest.mark.timeout(300)
async def test_headquarters_has_topics_and_schedules_of_its_own(lab: Lab) -> None:
    first, second = (Developer(lab, tenant) for tenant in lab.tenants[:2])
    topics = "/v1/messaging/topics"
    try:
        await first.deploy("listen", handler=RECORDER, spec=LISTENS, zone="zone-1")
        published = await first.ask("zone-1", "POST", f"{topics}/meter-events", content=b"fail")
        assert published.status_code == 201, published.text
        assert (await second.ask("zone-1", "GET", topics)).json() == {"topics": []}

        heard: list[list[str]] = []
        async with asyncio.timeout(150):
            while {one[0] for one in heard} < {"http", "schedule", "topic"}:
                heard = (await first.ask("zone-1", "GET", "/function/listen")).json()
                await asyncio.sleep(PAUSE_S)
        assert ["topic", "fail", f"{topics}/meter-events"] in heard
        assert ["schedule", "null", "/v1/messaging/schedules/listen"] in heard
        keys = [
            (await developer.ask(zone, "GET", "/v1/messaging/signing-key")).json()["key"]
            for developer in (first, second)
            for zone in ("zone-1", "zone-3a")
        ]
        assert keys[0] == keys[1] != keys[2] == keys[3]
    finally:
        await first.aclose()
        await second.aclose()
