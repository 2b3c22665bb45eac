"""Hot or cold: cases that a metering engineer can read aloud, and what holds of any block."""

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.hot_storage.classifier import CLASSIFIERS, Verdicts, classify
from functions.hot_storage.features import Features, faded
from functions.hot_storage.policy import HotPolicy, PolicyRefused, day_of, read_policy

POLICY = HotPolicy()


def block(**known: Any) -> Features:
    """One block that is old, unread and free of everything, but for what is `known`."""
    columns: dict[str, Any] = {
        "age_days": 100.0,
        "reads": 0.0,
        "billing_open": False,
        "exceptions": False,
        "held": False,
    }
    pressure = known.pop("pressure", 0.0)
    columns |= known
    return Features(**{name: np.array([of]) for name, of in columns.items()}, pressure=pressure)


def said(verdicts: Verdicts) -> tuple[bool, str]:
    return bool(verdicts.hot[0]), verdicts.reasons[verdicts.decided_by[0]].name


@pytest.mark.parametrize(
    ("known", "policy", "expected"),
    [
        pytest.param({}, POLICY, (False, "quiet"), id="an_old_day_that_nobody_reads"),
        pytest.param({"age_days": 44.9}, POLICY, (True, "young"), id="a_day_of_last_month"),
        pytest.param({"age_days": 45.0}, POLICY, (False, "quiet"), id="the_bound_is_cold"),
        pytest.param({"age_days": -0.5}, POLICY, (True, "young"), id="the_day_that_runs"),
        pytest.param({"reads": 2.0}, POLICY, (True, "read-often"), id="an_old_day_in_dispute"),
        pytest.param(
            {"reads": 9.0, "age_days": 400.0},
            POLICY,
            (False, "beyond-longest"),
            id="reads_do_not_keep_a_day_for_ever",
        ),
        pytest.param(
            {"billing_open": True}, POLICY, (True, "open-billing-period"), id="not_billed_yet"
        ),
        pytest.param(
            {"billing_open": True},
            HotPolicy(keep_open_billing=False),
            (False, "quiet"),
            id="a_tenant_that_bills_from_headquarters",
        ),
        pytest.param(
            {"exceptions": True}, POLICY, (True, "open-exceptions"), id="an_editor_works_on_it"
        ),
        pytest.param(
            {"held": True, "exceptions": True}, POLICY, (True, "held"), id="demand_response_first"
        ),
        pytest.param(
            {"age_days": 10.0, "pressure": 0.8}, POLICY, (False, "quiet"), id="memory_is_short"
        ),
        pytest.param(
            {"reads": 9.0, "pressure": 0.9}, POLICY, (False, "quiet"), id="short_memory_reads_cold"
        ),
        pytest.param(
            {"age_days": 6.0, "pressure": 1.0}, POLICY, (True, "young"), id="last_week_stays"
        ),
        pytest.param(
            {"reads": 9.0}, HotPolicy(classifier="age"), (False, "quiet"), id="by_age_alone"
        ),
    ],
)
def test_a_block_is_decided_by_its_first_reason(
    known: dict[str, Any], policy: HotPolicy, expected: tuple[bool, str]
) -> None:
    assert said(classify(block(**known), policy)) == expected


def test_every_reason_that_is_true_is_shown() -> None:
    verdicts = classify(block(reads=5.0, billing_open=True), POLICY)

    shown = [r.name for r, true in zip(verdicts.reasons, verdicts.true[:, 0], strict=True) if true]
    assert shown == ["open-billing-period", "read-often", "quiet"]


@pytest.mark.parametrize(
    ("today", "billing_day", "opened"),
    [
        pytest.param(date(2026, 3, 20), 1, date(2026, 3, 1), id="this_month"),
        pytest.param(date(2026, 3, 14), 1, date(2026, 2, 1), id="the_last_month_is_in_grace"),
        pytest.param(date(2026, 3, 15), 1, date(2026, 3, 1), id="grace_has_ended"),
        pytest.param(date(2026, 1, 5), 20, date(2025, 12, 20), id="began_in_december"),
        pytest.param(date(2026, 3, 2), 28, date(2026, 1, 28), id="both_around_february"),
    ],
)
def test_the_billing_periods_that_are_open(today: date, billing_day: int, opened: date) -> None:
    policy = HotPolicy(billing_day=billing_day)

    assert policy.billing_opens(day_of(today)) == day_of(opened)


columns = st.lists(
    st.tuples(
        st.floats(-1, 1_000),
        st.floats(0, 50),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    max_size=20,
)


def features(rows: list[tuple[float, float, bool, bool, bool]], pressure: float) -> Features:
    age, reads, billing, exceptions, held = zip(*rows, strict=True) if rows else ([],) * 5
    return Features(
        age_days=np.array(age, dtype=np.float64),
        reads=np.array(reads, dtype=np.float64),
        billing_open=np.array(billing, dtype=np.bool_),
        exceptions=np.array(exceptions, dtype=np.bool_),
        held=np.array(held, dtype=np.bool_),
        pressure=pressure,
    )


@given(columns, st.floats(0, 1), st.sampled_from(sorted(CLASSIFIERS)))
def test_a_block_is_decided_alone(
    rows: list[tuple[float, float, bool, bool, bool]], pressure: float, name: str
) -> None:
    policy = HotPolicy(classifier=name)  # type: ignore[arg-type]  # sampled from the table's names
    together = classify(features(rows, pressure), policy)

    alone = [classify(features([row], pressure), policy) for row in rows]

    assert together.hot.tolist() == [bool(one.hot[0]) for one in alone]
    assert together.decided_by.tolist() == [int(one.decided_by[0]) for one in alone]


@given(columns, st.floats(0, 1), st.floats(0, 200))
def test_what_gets_older_or_is_read_less_never_turns_hot(
    rows: list[tuple[float, float, bool, bool, bool]], pressure: float, days: float
) -> None:
    before = classify(features(rows, pressure), POLICY)

    aged = [(age + days, reads / 2, *rest) for age, reads, *rest in rows]
    after = classify(features(aged, pressure), POLICY)  # type: ignore[arg-type]  # rows of five

    assert not (after.hot & ~before.hot).any()


def test_reads_fade_by_half_each_half_life() -> None:
    left = faded(np.array([8.0, 8.0]), since_days=np.array([28.0, -1.0]), half_life_days=14.0)

    assert left.tolist() == [2.0, 8.0]


@pytest.mark.parametrize(
    "settings",
    [{"hot_day": 3}, {"classifier": "moon"}, {"keep_reads": 0}, {"holds": [{"since": "soon"}]}],
    ids=["unknown", "no_such_classifier", "zero", "no_date"],
)
def test_a_wrong_policy_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(PolicyRefused, match="hot_storage"):
        read_policy(settings)


def test_a_hold_names_days() -> None:
    hold = {"since": "2026-01-01", "until": "2026-01-03", "meter_ids": ["A"]}

    [read] = read_policy({"holds": [hold]}).holds

    assert list(read.days) == [20454, 20455]
