"""The timer behind the links: nothing rings early, twice, out of order or after a cancel."""

import asyncio
import random
from collections.abc import AsyncIterator
from functools import partial

import pytest
import uvloop

from zones.links.alarms import SLACK_S, Alarms, now

WITHIN_S = 30.0


@pytest.fixture
async def alarms() -> AsyncIterator[Alarms]:
    opened = Alarms()
    yield opened
    opened.close()


async def test_alarms_ring_in_the_order_of_their_instants_and_never_before(alarms: Alarms) -> None:
    draw = random.Random(1)
    start = now()
    instants = [start + draw.uniform(0.0, 0.1) for _ in range(300)]
    rung: list[tuple[float, float]] = []
    over = asyncio.Event()

    def ring(instant: float) -> None:
        rung.append((instant, now()))
        if len(rung) == len(instants):
            over.set()

    for instant in instants:
        alarms.at(instant, partial(ring, instant))
    await asyncio.wait_for(over.wait(), WITHIN_S)

    assert [instant for instant, _ in rung] == sorted(instants)
    assert all(at >= instant - SLACK_S for instant, at in rung)


async def test_what_is_past_rings_on_the_next_turn(alarms: Alarms) -> None:
    rung = asyncio.Event()
    alarms.at(now() - 10, rung.set)

    assert not rung.is_set()
    await asyncio.wait_for(rung.wait(), WITHIN_S)


async def test_what_is_cancelled_does_not_ring(alarms: Alarms) -> None:
    rung: list[str] = []
    over = asyncio.Event()
    start = now()
    first = alarms.at(start + 0.01, lambda: rung.append("first"))
    alarms.at(start + 0.02, lambda: rung.append("second"))
    later = alarms.at(start + 0.03, lambda: rung.append("later"))
    alarms.at(start + 0.03, later.cancel)
    alarms.at(start + 0.04, over.set)
    first.cancel()
    await asyncio.wait_for(over.wait(), WITHIN_S)

    # `later` was set before the alarm that cancels it, at the same instant.
    assert rung == ["second", "later"]


async def test_one_that_rings_may_set_another(alarms: Alarms) -> None:
    rung: list[int] = []
    over = asyncio.Event()

    def again() -> None:
        rung.append(len(rung))
        if len(rung) == 50:
            over.set()
        else:
            alarms.at(now() + 0.0005, again)

    alarms.at(now(), again)
    await asyncio.wait_for(over.wait(), WITHIN_S)
    assert rung == list(range(50))


async def test_after_the_end_nothing_rings() -> None:
    opened = Alarms()
    rung: list[str] = []
    opened.at(now() + 0.01, lambda: rung.append("too late"))
    opened.close()
    opened.close()
    opened.at(now(), lambda: rung.append("too late"))
    await asyncio.sleep(0.05)

    assert rung == []


def test_they_ring_on_uvloop_too() -> None:
    async def ring() -> bool:
        alarms = Alarms()
        rung = asyncio.Event()
        alarms.at(now() + 0.002, rung.set)
        await asyncio.wait_for(rung.wait(), WITHIN_S)
        alarms.close()
        return rung.is_set()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ring())
