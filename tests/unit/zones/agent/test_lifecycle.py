import pytest

from zones.agent.lifecycle import (
    GIVE_UP_FAILURES,
    RETIRE_GRACE_S,
    Decision,
    Scale,
    Seen,
    State,
    decide,
    wanted_after,
)

NOW = 1_000.0
ONE = Scale(min=0, max=1, concurrency=2, idle_s=60)
THREE = Scale(min=0, max=3, concurrency=2, idle_s=60)
KEPT = Scale(min=1, max=1, concurrency=2, idle_s=60)


def worker(
    name: str = "a",
    *,
    state: State = State.READY,
    active: int = 0,
    idle_for: float = 0.0,
    retired_for: float = 0.0,
) -> Seen:
    return Seen(
        id=name,
        state=state,
        active=active,
        busy_at=NOW - idle_for,
        retired_at=NOW - retired_for,
    )


@pytest.mark.parametrize(
    ("scale", "wanted", "seen", "decision"),
    [
        pytest.param(ONE, 0, [], Decision(), id="nobody_called_nothing_runs"),
        pytest.param(ONE, 1, [], Decision(start=1), id="a_call_starts_the_first"),
        pytest.param(KEPT, 0, [], Decision(start=1), id="a_minimum_starts_without_a_call"),
        pytest.param(ONE, 1, [worker(state=State.STARTING)], Decision(), id="one_is_on_its_way"),
        pytest.param(ONE, 9, [worker()], Decision(), id="never_above_the_maximum"),
        pytest.param(ONE, 1, [worker(idle_for=59.9)], Decision(), id="not_idle_long_enough"),
        pytest.param(ONE, 1, [worker(idle_for=60)], Decision(retire=("a",)), id="idle_retires"),
        pytest.param(ONE, 1, [worker(idle_for=600, active=1)], Decision(), id="one_long_call"),
        pytest.param(KEPT, 1, [worker(idle_for=600)], Decision(), id="the_minimum_is_kept"),
        pytest.param(
            ONE,
            1,
            [worker(state=State.STOPPING, idle_for=600)],
            Decision(start=1),
            id="a_call_while_the_last_one_stops",
        ),
        pytest.param(
            ONE,
            0,
            [worker(state=State.RETIRING, idle_for=70, retired_for=RETIRE_GRACE_S - 0.1)],
            Decision(),
            id="retiring_waits_for_calls_on_their_way",
        ),
        pytest.param(
            ONE,
            0,
            [worker(state=State.RETIRING, idle_for=70, retired_for=RETIRE_GRACE_S)],
            Decision(stop=("a",)),
            id="nobody_called_the_retiring_one",
        ),
        pytest.param(
            ONE,
            0,
            [worker(state=State.RETIRING, idle_for=1, retired_for=2)],
            Decision(revive=("a",)),
            id="a_late_call_reached_the_retiring_one",
        ),
        pytest.param(
            ONE,
            0,
            [worker(state=State.RETIRING, idle_for=70, retired_for=9, active=1)],
            Decision(revive=("a",)),
            id="the_retiring_one_is_at_work",
        ),
        pytest.param(
            ONE,
            1,
            [worker(state=State.RETIRING, idle_for=1, retired_for=2)],
            Decision(revive=("a",)),
            id="revived_instead_of_a_second_start",
        ),
        pytest.param(
            THREE, 1, [worker(active=2)], Decision(start=1), id="all_full_one_more_is_started"
        ),
        pytest.param(
            THREE,
            1,
            [worker("a", active=2), worker("b", state=State.STARTING)],
            Decision(),
            id="one_more_at_a_time",
        ),
        pytest.param(
            THREE,
            2,
            [worker("a", active=2), worker("b", active=1)],
            Decision(),
            id="one_has_room",
        ),
        pytest.param(
            THREE,
            2,
            [worker("a", idle_for=80), worker("b", idle_for=90), worker("c", active=1)],
            Decision(retire=("b", "a")),
            id="longest_idle_first",
        ),
        pytest.param(
            Scale(min=1, max=3, concurrency=2, idle_s=60),
            2,
            [worker("a", idle_for=80), worker("b", idle_for=90)],
            Decision(retire=("b",)),
            id="all_but_the_minimum",
        ),
    ],
)
def test_decisions(scale: Scale, wanted: int, seen: list[Seen], decision: Decision) -> None:
    assert decide(now=NOW, seen=seen, wanted=wanted, scale=scale) == decision


def test_a_function_that_keeps_failing_is_given_up_until_called() -> None:
    assert wanted_after(wanted=1, failures=GIVE_UP_FAILURES - 1, minimum=0) == 1
    assert wanted_after(wanted=1, failures=GIVE_UP_FAILURES, minimum=0) == 0
    assert wanted_after(wanted=1, failures=GIVE_UP_FAILURES, minimum=1) == 1
