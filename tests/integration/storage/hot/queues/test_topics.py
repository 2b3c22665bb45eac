"""Messages are kept for those who read them, and each becomes one call a function."""

import pytest

from storage.hot.connection import HotConnection
from storage.hot.queues.calls import CallQueue
from storage.hot.queues.record import Bounds, Origin, QueueFull, Request, Retrying
from storage.hot.queues.schedules import Schedules
from storage.hot.queues.topics import Retention, Subscription, Topics


async def publish(topics: Topics, *bodies: str, topic: str = "events") -> list[str]:
    return [
        await topics.publish(
            "acme", topic, body=body.encode(), content_type="text/plain", subject="key"
        )
        for body in bodies
    ]


def subscription(function: str = "hello", *, queue: int = 100) -> Subscription:
    return Subscription(
        tenant="acme",
        topic="events",
        function=function,
        retrying=Retrying(tries=2),
        bounds=Bounds(queue=queue),
    )


async def bodies_of_calls(calls: CallQueue) -> list[str]:
    taken = (await calls.take("acme", limit=100, lease_s=30)).taken
    assert {one.record.origin for one in taken} <= {Origin.TOPIC}
    return [f"{one.record.request.function} {one.record.request.body.decode()}" for one in taken]


async def test_each_function_gets_each_message_once(topics: Topics, calls: CallQueue) -> None:
    for function in ("hello", "other"):
        assert await topics.subscribe(subscription(function), back_s=60)
    await publish(topics, "a", "b")

    assert await topics.dispatch(subscription("hello"), limit=10) == 2
    assert await topics.dispatch(subscription("hello"), limit=10) == 0
    assert await topics.dispatch(subscription("other"), limit=1) == 1
    assert await topics.dispatch(subscription("other"), limit=10) == 1
    assert sorted(await bodies_of_calls(calls)) == ["hello a", "hello b", "other a", "other b"]


async def test_a_group_begins_a_little_before_it_is_seen(topics: Topics) -> None:
    await publish(topics, "a")

    await topics.subscribe(subscription("early"), back_s=60)
    await topics.subscribe(subscription("late"), back_s=-60)
    assert not await topics.subscribe(subscription("early"), back_s=0)
    assert await topics.dispatch(subscription("early"), limit=10) == 1


async def test_a_full_queue_leaves_messages_in_the_topic(topics: Topics, calls: CallQueue) -> None:
    await topics.subscribe(subscription(), back_s=60)
    await publish(topics, "a", "b", "c")

    assert await topics.dispatch(subscription(queue=2), limit=10) == 2
    assert await bodies_of_calls(calls) == ["hello a", "hello b"]
    (group,) = await topics.groups("acme", "events")
    assert (group.name, group.lag) == ("hello", 1)


async def test_unread_messages_stay_up_to_a_bound(topics: Topics) -> None:
    await topics.subscribe(subscription(), back_s=60)
    await publish(topics, *"abcdef")
    with pytest.raises(QueueFull) as full:
        await publish(topics, "g")
    assert full.value.limit == "topic_messages"

    assert await topics.dispatch(subscription(), limit=10) == 6
    await publish(topics, "g")
    assert await topics.length("acme", "events") == 3


async def test_without_readers_the_newest_are_kept(topics: Topics) -> None:
    ids = await publish(topics, *"abcde")

    kept = await topics.read("acme", "events", after="0-0", limit=10)
    assert [message.body for message in kept] == [b"c", b"d", b"e"]
    assert await topics.last_id("acme", "events") == ids[-1]
    later = await topics.read("acme", "events", after=ids[-2], limit=10)
    assert [message.body for message in later] == [b"e"]
    assert await topics.read("bolt", "events", after="0-0", limit=10) == []


async def test_a_group_that_is_gone_holds_nothing(topics: Topics) -> None:
    await topics.subscribe(subscription(), back_s=60)
    await publish(topics, *"abcdef")
    await topics.unsubscribe("acme", "events", group="hello")

    assert await topics.trim("acme", "events") == 3


async def test_the_bytes_of_all_topics_are_bounded(messaging: HotConnection) -> None:
    topics = Topics(messaging, retention=Retention(tenant_bytes=5_000))
    await topics.subscribe(subscription(), back_s=60)
    await publish(topics, "x" * 1_000, "y" * 1_000)
    await publish(topics, "z" * 1_000, topic="other")
    with pytest.raises(QueueFull) as full:
        await publish(topics, "x" * 1_000)
    assert full.value.limit == "tenant_topic_bytes"

    # What was read gives way, also where its topic alone would keep it.
    assert await topics.dispatch(subscription(), limit=10) == 2
    await publish(topics, "x" * 1_000)
    assert await topics.length("acme", "events") == 1


async def test_topics_are_bounded_and_empty_ones_forgotten(topics: Topics) -> None:
    await publish(topics, "a", topic="one")
    await publish(topics, "a", topic="two")
    with pytest.raises(QueueFull) as full:
        await publish(topics, "a", topic="three")
    assert full.value.limit == "topics"
    assert await topics.names("acme") == ["one", "two"]


async def test_an_instant_fires_once(schedules: Schedules, calls: CallQueue) -> None:
    async def fire(at_s: int) -> str | None:
        return await schedules.fire(
            "acme",
            "hello|* * * * *|UTC",
            at_s=at_s,
            request=Request(function="hello", body=b"1"),
            scheduled="2026-01-01T00:00:00Z",
            retrying=Retrying(),
            bounds=Bounds(queue=1),
        )

    await schedules.begin("acme", "hello|* * * * *|UTC", at_s=50)
    assert await fire(50) is None
    assert await fire(60) is not None
    assert await fire(60) is None
    with pytest.raises(QueueFull):
        await fire(120)
    # What found no room was not marked: it fires when there is.
    assert await schedules.known("acme") == {"hello|* * * * *|UTC": 60}
    (taken,) = (await calls.take("acme", limit=10, lease_s=30)).taken
    assert (taken.record.origin, taken.record.scheduled) == (
        Origin.SCHEDULE,
        "2026-01-01T00:00:00Z",
    )
