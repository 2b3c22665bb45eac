"""Topics: published once, delivered to every function that asked, and listened to."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.integration.functions.messaging.conftest import Messaging, Start, as_tenant, eventually
from tests.integration.functions.messaging.entrance import Asked, Entrance, Reply

ASYNC = {"backoff_s": 0.02, "max_backoff_s": 0.05}


def on_topic(topic: str, *, tries: int = 5) -> list[dict[str, object]]:
    return [{"type": "topic", "topic": topic, "tries": tries}]


async def fails(_: Asked) -> Reply:
    return Reply(status=500)


async def test_each_function_gets_each_message(messaging: Messaging, entrance: Entrance) -> None:
    entrance.deploy("alarm", triggers=on_topic("meter-events"))
    entrance.deploy("archive", triggers=on_topic("meter-events"))
    entrance.deploy("other", triggers=on_topic("else"))

    first = await messaging.publish("meter-events", b'{"meter":1}')
    await messaging.publish("meter-events", b'{"meter":2}')

    assert first.status_code == 201
    await eventually(lambda: asyncio.sleep(0, len(entrance.asked) >= 4))
    for name in ("alarm", "archive"):
        assert sorted(entrance.bodies(name)) == [b'{"meter":1}', b'{"meter":2}']
    assert entrance.bodies("other") == []
    asked = next(one for one in entrance.asked if one.body == b'{"meter":1}')
    assert asked.headers["gridfaas-origin"] == "topic"
    assert asked.headers["gridfaas-subject"] == "key-of-acme"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["ce-id"] == first.json()["id"]
    assert asked.headers["ce-source"] == "/v1/messaging/topics/meter-events"


async def test_a_topic_is_its_tenants_own(messaging: Messaging, entrance: Entrance) -> None:
    entrance.deploy("alarm", triggers=on_topic("events"))
    await messaging.publish("events", b"of bolt", tenant="bolt")
    await messaging.publish("events", b"of acme")

    await eventually(lambda: asyncio.sleep(0, len(entrance.asked) >= 1))
    await asyncio.sleep(0.3)
    assert entrance.bodies("alarm") == [b"of acme"]
    listed = (await messaging.get("/topics", tenant="bolt")).json()["topics"]
    assert [(one["topic"], one["messages"], one["readers"]) for one in listed] == [
        ("events", 1, [])
    ]


async def test_a_message_that_is_never_taken_becomes_a_dead_letter(
    messaging: Messaging, entrance: Entrance
) -> None:
    entrance.deploy("alarm", fails, triggers=on_topic("events", tries=2), asynchronous=ASYNC)
    published = await messaging.publish("events", b'{"meter":1}')

    async def dead() -> bool:
        return bool((await messaging.get("/dead-letters")).json()["dead_letters"])

    await eventually(dead)
    (letter,) = (await messaging.get("/dead-letters")).json()["dead_letters"]
    assert (letter["topic"], letter["message"], letter["attempts"], letter["body"]) == (
        "events",
        published.json()["id"],
        2,
        {"meter": 1},
    )
    assert len(entrance.asked) == 2


async def test_what_was_published_before_the_worker_began_is_delivered(
    start: Start, entrance: Entrance
) -> None:
    first = await start()
    await first.publish("events", b"1")
    await first.stack.aclose()
    entrance.deploy("alarm", triggers=on_topic("events"))

    await start()

    await eventually(lambda: asyncio.sleep(0, entrance.bodies("alarm") == [b"1"]))


async def test_a_function_that_is_gone_reads_no_more(start: Start, entrance: Entrance) -> None:
    messaging = await start(forget_after_s=0.1, tidy_every_s=0.1)
    entrance.deploy("alarm", triggers=on_topic("events"))
    await messaging.publish("events", b"1")
    await eventually(lambda: asyncio.sleep(0, len(entrance.asked) == 1))
    entrance.deployments.clear()
    entrance.edition += 1

    async def unread() -> bool:
        (topic,) = (await messaging.get("/topics")).json()["topics"]
        return topic["readers"] == []

    await eventually(unread)


async def test_unread_messages_are_bounded(start: Start, entrance: Entrance) -> None:
    async def busy(_: Asked) -> Reply:
        return Reply(status=429, headers={"retry-after": "60"})

    entrance.deploy("alarm", busy, triggers=on_topic("events"), asynchronous={"queue": 1})
    messaging = await start(unread_messages=2, topic_messages=1)
    answers = [await messaging.publish("events", b"x") for _ in range(2)]
    await eventually(lambda: asyncio.sleep(0, len(entrance.asked) == 1))
    for _ in range(4):
        answers.append(await messaging.publish("events", b"x"))

    full = answers[-1]
    assert (full.status_code, full.json()["limit"]) == (429, "topic_messages")
    assert int(full.headers["retry-after"]) > 0


@pytest.mark.parametrize("topic", ["Upper", "a" * 64, "..", "a:b", "1st"])
async def test_names_that_are_none(messaging: Messaging, topic: str) -> None:
    assert (await messaging.publish(topic, b"x")).status_code == 404


async def test_a_message_too_large_is_refused(start: Start) -> None:
    messaging = await start(message_bytes=100)

    assert (await messaging.publish("events", b"x" * 101)).status_code == 413


async def events(answer: httpx.Response) -> AsyncIterator[tuple[str, dict[str, object]]]:
    event_id = ""
    async for line in answer.aiter_lines():
        if line.startswith("id: "):
            event_id = line[4:]
        if line.startswith("data: "):
            yield event_id, json.loads(line[6:])


async def test_listeners_go_on_from_their_cursor(start: Start) -> None:
    messaging = await start()
    ids = [(await messaging.publish("events", b'{"n":%d}' % n)).json()["id"] for n in range(3)]
    # As much time as the gateway leaves: the stream ends before that.
    short = as_tenant("acme") | {"x-gridfaas-deadline-ms": "2500"}

    async def listen(**said: str) -> list[tuple[str, dict[str, object]]]:
        path = "/v1/messaging/topics/events/events"
        answer = await messaging.client.get(path, headers=short | said)
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [event async for event in events(answer)]

    all_of_them = await listen(**{"last-event-id": "0-0"})
    assert [event_id for event_id, _ in all_of_them] == ids
    assert [event["body"] for _, event in all_of_them] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [event_id for event_id, _ in await listen(**{"last-event-id": ids[1]})] == ids[2:]

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.1)
    new = (await messaging.publish("events", b'{"n":9}')).json()["id"]
    assert [event_id for event_id, _ in await listening] == [new]


async def test_cursors_that_are_none(messaging: Messaging) -> None:
    for cursor in ("x", "$", "1-*", "-"):
        answer = await messaging.get(f"/topics/events/events?cursor={cursor}")
        assert answer.status_code == 400


async def test_listeners_are_bounded_and_counted_off(start: Start) -> None:
    messaging = await start(listeners_tenant=1)
    path, short = "/v1/messaging/topics/events/events", {"x-gridfaas-deadline-ms": "3000"}
    first = asyncio.create_task(messaging.client.get(path, headers=as_tenant("acme") | short))
    await asyncio.sleep(0.1)

    second = await messaging.client.get(path, headers=as_tenant("acme") | short)
    assert (second.status_code, second.json()["limit"]) == (429, "listeners")
    await first
    assert (await messaging.client.get(path, headers=as_tenant("acme") | short)).status_code == 200
