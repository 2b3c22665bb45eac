import pytest

from storage.platform.functions.spec import FunctionSpec, Scale
from zones.agent.demand import RATE_WINDOW_S, WAITING_FRESH_S, Demand, desired


def spec(
    *, lowest: int = 0, most: int = 10, concurrency: int = 10, scale: Scale | None = None
) -> FunctionSpec:
    return FunctionSpec(
        name="f",
        min=lowest,
        max=most,
        concurrency=concurrency,
        idle_s=100,
        scale=scale or Scale(target=0.7, stable_s=60),
    )


@pytest.mark.parametrize(
    ("in_flight", "waiting", "workers"),
    [
        pytest.param(0, 0, 0, id="nothing"),
        pytest.param(1, 0, 1, id="one_call"),
        pytest.param(7, 0, 1, id="at_the_target"),
        pytest.param(8, 0, 2, id="above_the_target"),
        pytest.param(10, 11, 3, id="those_that_wait_count"),
        pytest.param(21, 0, 3, id="no_rounding_up_of_a_whole_number"),
    ],
)
def test_the_formula_for_concurrency(in_flight: int, waiting: int, workers: int) -> None:
    found = desired(spec=spec(), in_flight=in_flight, waiting=waiting, calls_per_s=99)

    assert found == workers


@pytest.mark.parametrize(("calls_per_s", "workers"), [(0.0, 0), (50.0, 1), (50.1, 2), (150, 3)])
def test_the_formula_for_a_rate(calls_per_s: float, workers: int) -> None:
    by_rate = spec(scale=Scale(metric="rate", target=50))

    assert desired(spec=by_rate, in_flight=99, waiting=99, calls_per_s=calls_per_s) == workers


def test_up_at_once_and_down_only_after_a_while_below() -> None:
    demand = Demand()
    demand.asked(now=0, waiting=0)

    assert demand.wanted(now=0, spec=spec(), in_flight=30, room=0) == 5
    demand.asked(now=59, waiting=0)
    assert demand.wanted(now=59, spec=spec(), in_flight=8, room=0) == 5
    assert demand.wanted(now=61, spec=spec(), in_flight=1, room=0) == 2
    assert demand.wanted(now=62, spec=spec(), in_flight=50, room=0) == 8


def test_within_the_bounds_of_the_spec() -> None:
    demand = Demand()
    assert demand.wanted(now=0, spec=spec(lowest=2), in_flight=0, room=0) == 2
    demand.asked(now=0, waiting=500)
    assert demand.wanted(now=0, spec=spec(lowest=2, most=4), in_flight=0, room=0) == 4


def test_calls_that_wait_mean_that_all_workers_are_full() -> None:
    demand = Demand()
    demand.asked(now=0, waiting=1)

    # Two workers of 10 are full though they last reported less: 21 calls, 7 to a worker.
    assert demand.wanted(now=1, spec=spec(), in_flight=3, room=20) == 3


def test_what_waited_a_while_ago_waits_no_longer() -> None:
    demand = Demand()
    demand.asked(now=0, waiting=100)

    assert demand.wanted(now=WAITING_FRESH_S, spec=spec(), in_flight=0, room=0) == 1


def test_to_zero_after_the_idle_time_whatever_the_window_says() -> None:
    demand = Demand()
    long = spec(scale=Scale(stable_s=10_000))
    demand.asked(now=0, waiting=0)
    assert demand.wanted(now=0, spec=long, in_flight=80, room=0) == 10

    assert demand.wanted(now=99.9, spec=long, in_flight=0, room=0) == 10
    assert demand.wanted(now=100, spec=long, in_flight=0, room=0) == 0


def test_a_worker_that_reports_work_is_in_use() -> None:
    demand = Demand()
    demand.asked(now=0, waiting=0)
    demand.worked(now=90, calls=1)

    assert demand.wanted(now=150, spec=spec(), in_flight=0, room=0) == 1


def test_calls_a_second_are_those_of_the_last_seconds() -> None:
    demand = Demand()
    by_rate = spec(scale=Scale(metric="rate", target=10, stable_s=1))
    demand.asked(now=0, waiting=0)
    assert demand.wanted(now=0, spec=by_rate, in_flight=0, room=0) == 1
    demand.worked(now=1, calls=200)

    assert demand.wanted(now=1, spec=by_rate, in_flight=0, room=0) == 4
    later = 2 * RATE_WINDOW_S
    demand.wanted(now=later, spec=by_rate, in_flight=0, room=0)
    assert demand.wanted(now=2 * later, spec=by_rate, in_flight=0, room=0) == 1


def test_given_up_until_asked_again() -> None:
    demand = Demand()
    demand.asked(now=0, waiting=9)
    demand.forget()
    assert demand.wanted(now=1, spec=spec(), in_flight=0, room=0) == 0

    demand.asked(now=2, waiting=0)
    assert demand.wanted(now=2, spec=spec(), in_flight=0, room=0) == 1
