"""What streams in is judged together, but a backlog is not left to wait for more."""

import asyncio

import pytest

from functions.mdms.turn_pace import TurnPace

HOURS_S = 3_600.0


async def streaming(pace: TurnPace) -> None:
    while True:
        pace.arrived()
        await asyncio.sleep(0)


@pytest.mark.parametrize("more_waits", [False, True])
async def test_it_rests_in_a_stream_unless_a_whole_turn_waits(more_waits: bool) -> None:
    pace = TurnPace(rest_s=HOURS_S, idle_s=HOURS_S)
    sending = asyncio.create_task(streaming(pace))
    next_turn = asyncio.create_task(pace.next(worked=True, more_waits=more_waits))

    done, _ = await asyncio.wait([next_turn], timeout=0.5 if not more_waits else 30)

    assert bool(done) is more_waits
    next_turn.cancel()
    sending.cancel()


async def test_without_work_it_waits_for_what_arrives() -> None:
    pace = TurnPace(rest_s=0.02, idle_s=HOURS_S)
    next_turn = asyncio.create_task(pace.next(worked=False, more_waits=False))
    done, _ = await asyncio.wait([next_turn], timeout=0.2)
    assert not done

    pace.arrived()

    async with asyncio.timeout(30):
        await next_turn
