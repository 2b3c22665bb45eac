"""A queued call is taken, tried again, ended once and kept a while."""

import asyncio

import pytest

from storage.hot.connection import CommandRefused, HotConnection
from storage.hot.queues.calls import CallQueue, Taken
from storage.hot.queues.letters import DeadLetters
from storage.hot.queues.record import (
    Bounds,
    CallRecord,
    QueueFull,
    Request,
    Result,
    Retrying,
    State,
)

LETTERS = Bounds(queue=2, bytes=1_000_000)


async def add(
    calls: CallQueue,
    call_id: str,
    *,
    body: bytes = b"{}",
    callback: str | None = None,
    bounds: Bounds | None = None,
    keep_s: int = 60,
) -> None:
    request = Request(function="hello", target="/x?y=1", body=body, callback=callback)
    await calls.add(
        "acme", call_id, request, retrying=Retrying(keep_s=keep_s), bounds=bounds or Bounds()
    )


async def take(calls: CallQueue, *, limit: int = 10, lease_s: float = 30.0) -> list[Taken]:
    return (await calls.take("acme", limit=limit, lease_s=lease_s)).taken


async def read(calls: CallQueue, call_id: str) -> CallRecord:
    record = await calls.read("acme", call_id)
    assert record is not None
    return record


async def fail(calls: CallQueue, taken: Taken) -> str:
    return await calls.finish(
        "acme", taken.record, State.FAILED, result=None, reason="no luck", letters=LETTERS
    )


async def done(calls: CallQueue, taken: Taken, body: bytes = b"hi") -> str:
    result = Result(status=200, headers={"content-type": "text/plain"}, body=body)
    return await calls.finish(
        "acme", taken.record, State.DONE, result=result, reason="", letters=LETTERS
    )


async def test_a_call_is_taken_once_and_its_result_kept(calls: CallQueue) -> None:
    await add(calls, "one", body=b"\x00\xff")

    (taken,) = await take(calls)
    assert await take(calls) == []
    assert (taken.record.request.body, taken.record.request.target) == (b"\x00\xff", "/x?y=1")
    assert (await read(calls, "one")).state is State.RUNNING

    assert await done(calls, taken) == "recorded"
    record = await read(calls, "one")
    assert (record.state, record.attempts) == (State.DONE, 1)
    assert record.result is not None
    assert (record.result.status, record.result.body) == (200, b"hi")
    assert await calls.waiting("acme") == {}


async def test_a_call_without_a_body_ends_once(calls: CallQueue) -> None:
    await add(calls, "one", body=b"")
    (taken,) = await take(calls, lease_s=0.1)

    assert await done(calls, taken, body=b"") == "recorded"

    await asyncio.sleep(0.3)
    assert await take(calls) == []
    assert (await read(calls, "one")).attempts == 1
    assert await calls.waiting("acme") == {}


async def test_adding_twice_is_adding_once(calls: CallQueue) -> None:
    await add(calls, "one")
    await add(calls, "one")

    assert len(await take(calls)) == 1
    assert await calls.waiting("acme") == {"hello": 1}


async def test_a_taken_call_comes_back_when_its_lease_ends(calls: CallQueue) -> None:
    await add(calls, "one")
    (first,) = await take(calls, lease_s=0)
    (second,) = await take(calls)

    assert (first.record.dispatches, second.record.dispatches) == (1, 2)
    # What the first worker tells later must not end the second attempt's retries ...
    assert await fail(calls, first) == "late"
    assert (await calls.again("acme", first.record, delay_s=0, counted=True, reason="")) == "late"
    # ... but a result is a result, whoever brings it, and it is recorded once.
    assert await done(calls, first, b"from the first") == "recorded"
    assert await done(calls, second, b"from the second") == "late"
    result = (await read(calls, "one")).result
    assert result is not None
    assert result.body == b"from the first"
    assert await calls.renew("acme", [second.member], lease_s=30) == {"one"}


async def test_a_renewed_lease_lasts(calls: CallQueue) -> None:
    await add(calls, "one")
    (taken,) = await take(calls, lease_s=0)

    assert await calls.renew("acme", [taken.member], lease_s=30) == set()
    assert await take(calls) == []


async def test_another_try_waits_its_time(calls: CallQueue) -> None:
    await add(calls, "one")
    (taken,) = await take(calls)

    await calls.again("acme", taken.record, delay_s=20, counted=True, reason="503")
    taking = await calls.take("acme", limit=10, lease_s=30)
    assert taking.taken == []
    assert taking.next_due_s is not None
    assert 15 < taking.next_due_s <= 20
    record = await read(calls, "one")
    assert (record.state, record.attempts, record.error) == (State.QUEUED, 1, "503")


async def test_a_try_that_did_not_count_is_not_counted(calls: CallQueue) -> None:
    await add(calls, "one")
    (taken,) = await take(calls)
    await calls.again("acme", taken.record, delay_s=0, counted=False, reason="429")

    (again,) = await take(calls)
    assert (again.record.attempts, again.record.dispatches) == (0, 2)


@pytest.mark.parametrize("running", [False, True])
async def test_a_cancelled_call_never_ends_otherwise(calls: CallQueue, running: bool) -> None:
    await add(calls, "one")
    taken = await take(calls) if running else []

    assert await calls.cancel("acme", "one") is (State.RUNNING if running else State.QUEUED)
    assert await take(calls) == []
    for one in taken:
        assert await done(calls, one) == "late"
        assert await calls.renew("acme", [one.member], lease_s=30) == {"one"}
    assert (await read(calls, "one")).state is State.CANCELLED
    assert await calls.cancel("acme", "one") is State.CANCELLED
    assert await calls.waiting("acme") == {}


async def test_a_call_belongs_to_its_tenant(calls: CallQueue) -> None:
    await add(calls, "one")

    assert await calls.read("bolt", "one") is None
    assert await calls.cancel("bolt", "one") is None
    assert (await calls.take("bolt", limit=10, lease_s=30)).taken == []


async def test_open_calls_of_a_function_are_bounded(calls: CallQueue) -> None:
    bounds = Bounds(queue=1)
    await add(calls, "one", bounds=bounds)
    with pytest.raises(QueueFull) as full:
        await add(calls, "two", bounds=bounds)
    assert full.value.limit == "queue"

    (taken,) = await take(calls)
    await done(calls, taken)
    await add(calls, "two", bounds=bounds)


async def test_bytes_of_a_tenant_are_bounded_and_given_back(calls: CallQueue) -> None:
    bounds = Bounds(bytes=10_000)
    await add(calls, "one", body=b"x" * 8_000, bounds=bounds, keep_s=1)
    with pytest.raises(QueueFull) as full:
        await add(calls, "two", body=b"x" * 8_000, bounds=bounds)
    assert full.value.limit == "bytes"

    (taken,) = await take(calls)
    await done(calls, taken)
    # The request's body goes when the call ends.
    await add(calls, "two", body=b"x" * 7_000, bounds=bounds)


async def test_a_result_goes_when_its_time_is_over(
    calls: CallQueue, messaging: HotConnection
) -> None:
    await add(calls, "one", keep_s=1)
    (taken,) = await take(calls)
    await done(calls, taken)

    async with asyncio.timeout(10):
        while await calls.read("acme", "one") is not None:
            await asyncio.sleep(0.2)
            await take(calls)
    assert await messaging.call("HGET", "q:acme:size", "calls") == b"0"


async def test_a_failed_call_becomes_a_letter_and_can_be_replayed(
    calls: CallQueue, letters: DeadLetters, messaging: HotConnection
) -> None:
    await add(calls, "one", body=b"precious")
    (taken,) = await take(calls)
    assert await fail(calls, taken) == "recorded"

    (letter,) = await letters.read("acme", after="0-0", limit=10)
    assert (letter.call, letter.reason, letter.body) == ("one", "no luck", b"precious")
    assert await letters.read("bolt", after="0-0", limit=10) == []
    assert await letters.replay("bolt", letter.id, bounds=Bounds()) is None

    new = await letters.replay("acme", letter.id, bounds=Bounds())
    assert new is not None
    (again,) = await take(calls)
    assert (again.record.id, again.record.replay_of) == (new, "one")
    assert (again.record.request.body, again.record.request.target) == (b"precious", "/x?y=1")
    assert await letters.count("acme") == 0
    assert await messaging.call("HGET", "q:acme:size", "dead") == b"0"


async def test_the_oldest_letters_make_room(calls: CallQueue, letters: DeadLetters) -> None:
    for name in ("one", "two", "three"):
        await add(calls, name)
        (taken,) = await take(calls)
        await fail(calls, taken)

    kept = await letters.read("acme", after="0-0", limit=10)
    assert [letter.call for letter in kept] == ["two", "three"]
    assert await letters.drop("acme", kept[0].id)
    assert not await letters.drop("acme", kept[0].id)
    assert await letters.count("acme") == 1


async def test_the_caller_is_told_after_the_end(calls: CallQueue) -> None:
    await add(calls, "one", callback="https://example.org/x")
    (taken,) = await take(calls)
    await done(calls, taken)

    (telling,) = await take(calls)
    assert telling.tell
    assert telling.record.result is not None
    await calls.told("acme", "one", state="pending", status=503, error="busy")
    (telling,) = await take(calls)
    await calls.told("acme", "one", state="delivered", status=204, error="")
    assert await take(calls) == []
    callback = (await read(calls, "one")).callback
    assert callback is not None
    assert (callback.state, callback.attempts, callback.status) == ("delivered", 2, 204)


@pytest.mark.parametrize("key", ["acme:b:1", "up:acme", "q", "qq:acme"])
async def test_messaging_reaches_queues_alone(messaging: HotConnection, key: str) -> None:
    with pytest.raises(CommandRefused, match="No permissions"):
        await messaging.call("GET", key)


@pytest.mark.parametrize("command", ["KEYS *", "SCAN 0", "CONFIG GET dir", "ACL LIST", "FLUSHALL"])
async def test_messaging_is_no_administrator(messaging: HotConnection, command: str) -> None:
    with pytest.raises(CommandRefused, match="no permissions"):
        await messaging.call(*command.split())
