"""The queue before a fleet's workers: its order, its bounds, and an answer for everybody."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.agent_client import InstanceEntry, InstanceList, InstanceRefused
from gateway.fleet import Fleet, Patience, QueueFull, QueueTimeout, Worker
from storage.platform.functions.spec import FunctionSpec

PATIENCE = Patience(fresh_s=60, queue_wait_s=5, start_wait_s=5)


def listed(*ids: str, concurrency: int = 1, version: int = 1) -> InstanceList:
    entries = [InstanceEntry(id=one, socket=f"/{one}", concurrency=concurrency) for one in ids]
    return InstanceList(instances=entries, version=version)


class Agent:
    """Says what it is told to say, when it is told to."""

    def __init__(self, answer: InstanceList | Exception, *, at_once: bool = True) -> None:
        self.answer = answer
        self.waited: list[int] = []
        self.may_answer = asyncio.Event()
        if at_once:
            self.may_answer.set()

    async def ask(self, waiting: int) -> InstanceList:
        self.waited.append(waiting)
        await self.may_answer.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def fleet_of(
    ask: Callable[[int], Awaitable[InstanceList]], *, queue: int = 8, patience: Patience = PATIENCE
) -> Fleet:
    return Fleet(spec=FunctionSpec(name="f", queue=queue), ask=ask, patience=patience)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_those_who_wait_for_the_first_worker_ask_once_and_go_in_order() -> None:
    agent = Agent(listed("a"), at_once=False)
    fleet = fleet_of(agent.ask)
    order: list[int] = []

    async def call(number: int) -> None:
        worker = await fleet.acquire()
        order.append(number)
        await settle()
        fleet.release(worker)

    calls = [asyncio.create_task(call(number)) for number in range(5)]
    await settle()
    assert (fleet.waiting, fleet.empty) == (5, True)
    agent.may_answer.set()
    await asyncio.gather(*calls)

    assert order == [0, 1, 2, 3, 4]
    assert (fleet.waiting, fleet.in_flight) == (0, 0)
    fleet.close()


async def test_when_no_worker_comes_everybody_is_told_why() -> None:
    fleet = fleet_of(Agent(InstanceRefused("it will not start")).ask)

    answers = await asyncio.gather(*(fleet.acquire() for _ in range(4)), return_exceptions=True)

    assert [str(answer) for answer in answers] == ["it will not start"] * 4
    assert fleet.waiting == 0


async def test_the_queue_is_as_long_as_the_spec_says() -> None:
    fleet = fleet_of(Agent(listed("a")).ask, queue=2)
    first = await fleet.acquire()
    waiting = [asyncio.create_task(fleet.acquire()) for _ in range(2)]
    await settle()

    with pytest.raises(QueueFull) as refused:
        await fleet.acquire()

    assert refused.value.members == {"limit": "queue", "queue": 2}
    fleet.release(first)
    assert isinstance(await waiting[0], Worker)
    waiting[1].cancel()
    fleet.close()


async def test_without_a_queue_the_first_call_still_waits_for_its_worker() -> None:
    fleet = fleet_of(Agent(listed("a")).ask, queue=0)

    await fleet.acquire()

    with pytest.raises(QueueFull):
        await fleet.acquire()
    fleet.close()


async def test_the_agent_hears_how_many_wait_for_as_long_as_they_do() -> None:
    agent = Agent(listed("a"))
    fleet = fleet_of(agent.ask)
    await fleet.acquire()
    waiting = [asyncio.create_task(fleet.acquire()) for _ in range(3)]
    await settle()
    agent.answer = listed("a", "b", "c", "d")
    await asyncio.gather(*waiting)

    assert max(agent.waited) == 3
    assert {(await fleet_worker).id for fleet_worker in waiting} == {"b", "c", "d"}
    fleet.close()


async def test_a_wait_ends() -> None:
    patience = Patience(fresh_s=60, queue_wait_s=0.01, start_wait_s=0.01)
    fleet = fleet_of(Agent(listed("a")).ask, patience=patience)
    worker = await fleet.acquire()

    with pytest.raises(QueueTimeout):
        await fleet.acquire()

    assert fleet.waiting == 0
    fleet.release(worker)
    assert await fleet.acquire() is worker
    fleet.close()


async def test_who_goes_in_the_moment_of_his_turn_leaves_the_worker_to_the_next() -> None:
    fleet = fleet_of(Agent(listed("a")).ask)
    worker = await fleet.acquire()
    gone, next_one = (asyncio.create_task(fleet.acquire()) for _ in range(2))
    await settle()

    fleet.release(worker)
    gone.cancel()

    assert await next_one is worker
    assert fleet.in_flight == 1
    fleet.close()


async def test_workers_that_the_agent_names_no_more_get_no_calls() -> None:
    agent = Agent(listed("a", concurrency=9))
    fleet = fleet_of(agent.ask)
    old = await fleet.acquire()
    agent.answer = listed("b", concurrency=9, version=2)
    fleet.lost(old)

    new = await fleet.acquire()

    assert (new.id, new.version) == ("b", 2)
    fleet.release(old)
    assert fleet.in_flight == 1
    fleet.close()
