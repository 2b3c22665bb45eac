import pytest

from zones.agent.lifecycle import (
    GIVE_UP_FAILURES,
    RETIRE_GRACE_S,
    Decision,
    Seen,
    State,
    decide,
    given_up,
)

NOW = 1_000.0


def worker(
    name: str = "a",
    *,
    state: State = State.READY,
    active: int = 0,
    idle_for: float = 0.0,
    retired_for: float = 0.0,
    current: bool = True,
) -> Seen:
    return Seen(
        id=name,
        state=state,
        active=active,
        busy_at=NOW - idle_for,
        retired_at=NOW - retired_for,
        current=current,
    )


def retiring(name: str = "a", **facts: float | bool) -> Seen:
    return worker(name, state=State.RETIRING, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "seen", "decision"),
    [
        pytest.param(0, [], Decision(), id="nobody_called_nothing_runs"),
        pytest.param(1, [], Decision(start=1), id="a_call_starts_the_first"),
        pytest.param(5, [worker()], Decision(start=4), id="as_many_starts_as_are_wanted"),
        pytest.param(1, [worker(state=State.STARTING)], Decision(), id="one_is_on_its_way"),
        pytest.param(1, [worker(idle_for=600)], Decision(), id="what_is_wanted_stays"),
        pytest.param(0, [worker()], Decision(retire=("a",)), id="what_is_not_wanted_retires"),
        pytest.param(0, [worker(active=1)], Decision(), id="none_with_a_call_retires"),
        pytest.param(
            1,
            [worker(state=State.STOPPING)],
            Decision(start=1),
            id="a_call_while_the_last_one_stops",
        ),
        pytest.param(
            0,
            [retiring(idle_for=70, retired_for=RETIRE_GRACE_S - 0.1)],
            Decision(),
            id="retiring_waits_for_calls_on_their_way",
        ),
        pytest.param(
            0,
            [retiring(idle_for=70, retired_for=RETIRE_GRACE_S)],
            Decision(stop=("a",)),
            id="nobody_called_the_retiring_one",
        ),
        pytest.param(
            0,
            [retiring(idle_for=1, retired_for=2)],
            Decision(revive=("a",)),
            id="a_late_call_reached_the_retiring_one",
        ),
        pytest.param(
            0,
            [retiring(idle_for=70, retired_for=9, active=1)],
            Decision(revive=("a",)),
            id="the_retiring_one_is_at_work",
        ),
        pytest.param(
            1,
            [retiring(idle_for=1, retired_for=2)],
            Decision(revive=("a",)),
            id="revived_instead_of_a_second_start",
        ),
        pytest.param(
            1,
            [worker("a", idle_for=80), worker("b", idle_for=90), worker("c", active=1)],
            Decision(retire=("b", "a")),
            id="longest_idle_first",
        ),
        pytest.param(
            2,
            [worker("a", idle_for=8), worker("b", idle_for=9), worker("c", idle_for=7)],
            Decision(retire=("b",)),
            id="no_more_than_are_too_many",
        ),
        pytest.param(
            2,
            [worker("a", current=False), worker("b", current=False)],
            Decision(start=2),
            id="another_version_starts_beside_the_old_one",
        ),
        pytest.param(
            2,
            [worker("a", current=False), worker("b"), worker("c", state=State.STARTING)],
            Decision(),
            id="the_old_one_stays_until_as_many_are_ready",
        ),
        pytest.param(
            1,
            [worker("a", current=False, active=3), worker("b")],
            Decision(replace=("a",)),
            id="the_old_one_is_replaced_with_its_calls",
        ),
        pytest.param(
            1,
            [retiring("a", current=False, active=1, idle_for=9, retired_for=60), worker("b")],
            Decision(),
            id="the_old_one_ends_its_calls",
        ),
        pytest.param(
            1,
            [retiring("a", current=False, idle_for=1, retired_for=60), worker("b")],
            Decision(),
            id="the_old_one_is_never_revived",
        ),
        pytest.param(
            1,
            [retiring("a", current=False, idle_for=60, retired_for=60), worker("b")],
            Decision(stop=("a",)),
            id="the_old_one_stops",
        ),
        pytest.param(
            0, [worker("a", current=False)], Decision(replace=("a",)), id="unwanted_and_old"
        ),
    ],
)
def test_decisions(wanted: int, seen: list[Seen], decision: Decision) -> None:
    assert decide(now=NOW, seen=seen, wanted=wanted) == decision


def test_an_old_version_that_was_called_late_still_stops() -> None:
    late = retiring("a", current=False, idle_for=RETIRE_GRACE_S, retired_for=60)

    assert decide(now=NOW, seen=[late, worker("b")], wanted=1).stop == ("a",)


def test_a_function_that_keeps_failing_is_given_up_until_called() -> None:
    assert not given_up(failures=GIVE_UP_FAILURES - 1, ready=0)
    assert given_up(failures=GIVE_UP_FAILURES, ready=0)
    # The last version still serves.
    assert not given_up(failures=GIVE_UP_FAILURES, ready=1)
