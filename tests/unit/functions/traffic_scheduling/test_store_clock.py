"""The store's clock is asked for now and then, and goes on in between."""

import pytest

from functions.traffic_scheduling.store_clock import StoreClock


class _Clocks:
    """A monotonic clock, and a store's that is `ahead_ms` of it and says how often it was asked."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.ahead_ms = 5_000.0
        self.asked = 0

    def monotonic(self) -> float:
        return self.now_s

    async def ask(self) -> float:
        self.asked += 1
        return self.now_s * 1e3 + self.ahead_ms


async def test_time_goes_on_without_asking() -> None:
    clocks = _Clocks()
    clock = StoreClock(clocks.ask, monotonic=clocks.monotonic)

    first = await clock.now_ms()
    clocks.now_s += 0.5
    second = await clock.now_ms()

    assert [first, second] == pytest.approx([105_000.0, 105_500.0])
    assert clocks.asked == 1


async def test_a_store_whose_clock_was_set_is_believed_within_a_second() -> None:
    clocks = _Clocks()
    clock = StoreClock(clocks.ask, monotonic=clocks.monotonic)
    await clock.now_ms()

    clocks.ahead_ms = -3_000.0
    clocks.now_s += 1.0

    assert await clock.now_ms() == pytest.approx(98_000.0)


async def test_time_that_the_answer_took_is_not_counted_twice() -> None:
    clocks = _Clocks()

    async def slow() -> float:
        answer = await clocks.ask()
        clocks.now_s += 0.25
        return answer + 250.0

    clock = StoreClock(slow, monotonic=clocks.monotonic)

    assert await clock.now_ms() == pytest.approx(105_250.0)
