"""A stream is waited out, but not for ever."""

import asyncio

from functions.mdms.arrival_stream import ArrivalStream


async def test_it_waits_until_nothing_more_arrives() -> None:
    stream, sent = ArrivalStream(), []

    async def send() -> None:
        for number in range(50):
            stream.arrived()
            sent.append(number)
            await asyncio.sleep(0)

    sending = asyncio.create_task(send())
    await stream.pauses(quiet_s=0.2, longest_s=60)

    assert len(sent) == 50
    await sending


async def test_a_stream_without_a_pause_is_not_waited_out() -> None:
    stream = ArrivalStream()

    async def send() -> None:
        while True:
            stream.arrived()
            await asyncio.sleep(0)

    sending = asyncio.create_task(send())
    await stream.pauses(quiet_s=5, longest_s=0.05)

    assert not sending.done()
    sending.cancel()


async def test_what_arrived_before_is_not_forgotten() -> None:
    stream = ArrivalStream()
    stream.arrived()

    assert await stream.next(within_s=5)
    assert not await stream.next(within_s=0.01)
