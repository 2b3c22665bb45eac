from itertools import count

import pytest

from functions.runtime.accounting import CPU, GRAIN_S, MEMORY, CallCost, CpuShares


class Process:
    """A process whose processor time moves as told."""

    def __init__(self) -> None:
        self.cpu_s = 5.0

        self.children_s = 1.0

    def own(self) -> float:
        return self.cpu_s

    def rest(self) -> tuple[float, int]:
        return self.children_s, 4096


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
def shares(process: Process) -> CpuShares:
    """Read as often as it is asked: seconds lie between any two looks at the clock."""
    return CpuShares(process.own, process.rest, clock=map(float, count()).__next__)


def cpu_us(call: CallCost) -> int:
    return int(dict(call.headers())[CPU])


def test_one_call_has_all_of_its_time(process: Process, shares: CpuShares) -> None:
    call = shares.begin()
    process.cpu_s += 0.25

    assert dict(call.headers())[CPU] == b"250000"
    assert dict(call.headers())[MEMORY] == b"4096"


def test_what_its_children_took_is_the_calls_too(process: Process, shares: CpuShares) -> None:
    call = shares.begin()
    process.cpu_s += 0.1
    process.children_s += 0.5

    assert cpu_us(call) == 600_000
    call.end()
    assert cpu_us(shares.begin()) == 0


def test_calls_at_a_time_share_it(process: Process, shares: CpuShares) -> None:
    first = shares.begin()
    process.cpu_s += 0.1
    second = shares.begin()
    process.cpu_s += 0.2

    assert cpu_us(first) == 200_000
    first.end()
    process.cpu_s += 0.05
    assert cpu_us(second) == 150_000
    second.end()


def test_what_comes_between_calls_goes_to_the_next(process: Process, shares: CpuShares) -> None:
    process.cpu_s += 0.3
    call = shares.begin()
    process.cpu_s += 0.1

    assert cpu_us(call) == 400_000


def test_what_comes_after_the_account_goes_to_the_next(process: Process, shares: CpuShares) -> None:
    streaming = shares.begin()
    process.cpu_s += 0.1
    assert cpu_us(streaming) == 100_000
    process.cpu_s += 0.4
    streaming.end()

    assert cpu_us(shares.begin()) == 400_000


def test_a_call_without_an_account_leaves_its_time_to_the_next(
    process: Process, shares: CpuShares
) -> None:
    broken = shares.begin()
    process.cpu_s += 0.2
    broken.end()

    assert cpu_us(shares.begin()) == 200_000


def test_the_sum_over_calls_is_the_process(process: Process, shares: CpuShares) -> None:
    """Any order of starts, accounts and ends; the last call takes what is left."""
    began = process.cpu_s
    told, flying = 0, []
    for step in range(200):
        process.cpu_s += 0.001 * (step % 7)
        if step % 3:
            flying.append(shares.begin())
        elif flying:
            call = flying.pop(step % len(flying))
            process.cpu_s += 0.002
            if step % 2:
                told += cpu_us(call)
                process.cpu_s += 0.001
            call.end()
    for call in flying:
        told += cpu_us(call)
        call.end()
    told += cpu_us(shares.begin())

    assert told == pytest.approx((process.cpu_s - began) * 1e6, abs=300)


def test_calls_within_a_grain_share_what_it_took(process: Process) -> None:
    """The clock is read once for all of them; nothing is lost and nothing counted twice."""
    now, readings = 100.0, 0

    def own() -> float:
        nonlocal readings
        readings += 1
        return process.cpu_s

    shares = CpuShares(own, process.rest, clock=lambda: now)
    began, readings = process.cpu_s, 0
    calls = []
    for _ in range(16):
        calls.append(shares.begin())
        process.cpu_s += 0.001
    now += 2 * GRAIN_S
    told = 0
    for call in calls:
        told += cpu_us(call)
        call.end()
        process.cpu_s += 0.001
    assert readings == 2
    told += cpu_us(shares.begin())

    assert told == pytest.approx((process.cpu_s - began) * 1e6, abs=20)


def test_a_real_process_is_measured() -> None:
    shares = CpuShares()
    call = shares.begin()
    sum(number * number for number in range(200_000))

    assert cpu_us(call) > 100
    assert int(dict(call.headers())[MEMORY]) > 1000


def test_what_ended_children_took_between_two_looks_goes_to_the_next_call(
    process: Process,
) -> None:
    now = 100.0
    shares = CpuShares(process.own, process.rest, clock=lambda: now)
    first = shares.begin()
    assert cpu_us(first) == 0
    first.end()
    second = shares.begin()
    process.children_s += 0.5
    assert cpu_us(second) == 0
    second.end()
    now += 1.0
    third = shares.begin()

    assert cpu_us(third) == 500_000
