"""Cases of each validation rule that a metering engineer can read aloud."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.mdms.vee.duplicate_interval import DuplicateInterval
from functions.mdms.vee.gap_check import GapCheck
from functions.mdms.vee.high_low_check import HighLowCheck
from functions.mdms.vee.identical_intervals import IdenticalIntervals
from functions.mdms.vee.inactive_usage import InactiveUsage
from functions.mdms.vee.meter_flag import MeterFlag
from functions.mdms.vee.negative_consumption import NegativeConsumption
from functions.mdms.vee.prolonged_estimation import ProlongedEstimation
from functions.mdms.vee.rule import Rule, Stretch
from functions.mdms.vee.rule_group import BadRule, default_rules, described, read_rule
from functions.mdms.vee.spike_check import SpikeCheck
from functions.mdms.vee.unexpected_export import UnexpectedExport
from functions.mdms.vee.zero_consumption import ZeroConsumption

ABSENT = None


def stretch(*rows: Sequence[int | None], interval_s: int = 3_600, active: bool = True) -> Stretch:
    return Stretch(
        energy_wh=np.array([[value or 0 for value in row] for row in rows], dtype=np.int64),
        present=np.array([[value is not None for value in row] for row in rows]),
        interval_s=interval_s,
        active=np.full(len(rows), active),
    )


def found(rule: Rule, *rows: Sequence[int | None], **said: int) -> list[list[int]]:
    """By row, the slots that fail, whatever the code."""
    masks = [one.mask for one in rule.suspects(stretch(*rows, **said))]
    return [np.flatnonzero(row).tolist() for row in np.logical_or.reduce(masks)]


@pytest.mark.parametrize(
    ("energy_wh", "slots"),
    [
        pytest.param((200, 210, 9_000, 190, 200), [2], id="far_above_its_neighbours"),
        pytest.param((200, 800, 9_000, 7_000, 200), [], id="an_oven_ramps_up_and_down"),
        pytest.param((10, 12, 400, 11, 10), [], id="below_the_floor_nobody_cares"),
        pytest.param((ABSENT, 9_000, ABSENT), [], id="no_neighbour_is_the_gap_rules_business"),
        pytest.param((0, 0, 9_000, 0, 0), [2], id="zero_is_a_neighbour_absent_is_not"),
        pytest.param((9_000, 100, 100), [0], id="the_first_one"),
        pytest.param((100, 100, 9_000), [2], id="the_last_one"),
        pytest.param((9_000, 1, 1, 1, 9_000), [0, 4], id="beyond_reach_is_no_neighbour"),
        pytest.param((9_000,), [], id="alone"),
    ],
)
def test_spikes(energy_wh: tuple[int | None, ...], slots: list[int]) -> None:
    assert found(SpikeCheck(reach=2), energy_wh) == [slots]


def test_the_longest_reach_may_be_longer_than_the_stretch() -> None:
    assert found(SpikeCheck(reach=96), (100, 9_000, 100)) == [[1]]


def test_gaps_are_of_active_meters() -> None:
    assert found(GapCheck(), (1, ABSENT, 0, ABSENT)) == [[1, 3]]
    assert found(GapCheck(), (1, ABSENT), active=False) == [[]]


@pytest.mark.parametrize(("interval_s", "slots"), [(3_600, [1]), (1_800, [0, 1])])
def test_high_is_a_power_whatever_the_length(interval_s: int, slots: list[int]) -> None:
    rule = HighLowCheck(high_w=1_000)
    assert found(rule, (1_000, 1_001, 0, ABSENT), interval_s=interval_s) == [slots]


def test_high_and_low_have_codes_of_their_own() -> None:
    suspects = HighLowCheck(high_w=100, low_w=10).suspects(stretch((101, 9, 50, ABSENT)))

    assert [(one.iec_code, np.flatnonzero(one.mask[0]).tolist()) for one in suspects] == [
        ("3.6.3", [0]),
        ("3.6.4", [1]),
    ]


@pytest.mark.parametrize(
    ("row", "slots"),
    [
        pytest.param((5, 0, 0, 0, 5), [1, 2, 3], id="long_enough"),
        pytest.param((5, 0, 0, 5, 0), [], id="too_short"),
        pytest.param((0, 0, ABSENT, 0, 0), [], id="a_gap_ends_a_run"),
        pytest.param((0, 0, 0), [0, 1, 2], id="all"),
    ],
)
def test_zeros_for_hours(row: tuple[int | None, ...], slots: list[int]) -> None:
    assert found(ZeroConsumption(hours=3), row) == [slots]


def test_a_run_ends_with_its_meter() -> None:
    assert found(ZeroConsumption(hours=3), (5, 0, 0), (0, 5, 5)) == [[], []]
    assert found(IdenticalIntervals(count=3), (5, 90, 90), (90, 5, 5)) == [[], []]


@pytest.mark.parametrize(
    ("row", "slots"),
    [
        pytest.param((90, 90, 90, 91), [0, 1, 2], id="three_alike"),
        pytest.param((90, 90, 91, 91), [], id="two_and_two"),
        pytest.param((90, 90, 90, 91, 91, 91), [0, 1, 2, 3, 4, 5], id="three_and_three"),
        pytest.param((0, 0, 0, 0), [], id="zeros_have_their_own_rule"),
        pytest.param((20, 20, 20), [], id="small_ones_repeat_by_themselves"),
        pytest.param((90, 90, ABSENT, 90), [], id="a_gap_ends_a_run"),
    ],
)
def test_identical_intervals(row: tuple[int | None, ...], slots: list[int]) -> None:
    assert found(IdenticalIntervals(count=3), row) == [slots]


def test_usage_of_a_meter_out_of_use() -> None:
    assert found(InactiveUsage(tolerance_wh=2), (0, 2, 3, ABSENT), active=False) == [[2]]
    assert found(InactiveUsage(), (0, 2, 3)) == [[]]


def test_rules_do_not_change_what_they_look_at() -> None:
    given = stretch((5, 0, 0, ABSENT, 9_000, 90, 90))
    energy_wh, present = given.energy_wh.copy(), given.present.copy()
    for rule in default_rules():
        for one in rule.suspects(given):
            assert one.mask.shape == given.present.shape

    assert np.array_equal(given.energy_wh, energy_wh)
    assert np.array_equal(given.present, present)


def test_a_rule_is_read_with_its_parameters() -> None:
    rule = read_rule("interval-spike", {"ratio": 4})

    assert rule == SpikeCheck(ratio=4.0)
    assert described([rule])[0]["parameters"] == {"ratio": 4.0, "reach": 4, "floor_wh": 500}


@pytest.mark.parametrize(
    ("name", "parameters", "says"),
    [
        ("spike", {}, "no rule .spike."),
        ("interval-spike", {"rato": 3}, "no parameter 'rato'"),
        ("interval-spike", {"ratio": "3"}, "ratio"),
        ("interval-spike", {"reach": 0}, "reach"),
        ("high-low", {"low_w": 2, "high_w": 1}, "low_w"),
        ("zero-consumption", {"hours": 0}, "hours"),
        ("identical-intervals", {"count": 1}, "count"),
        ("missing-interval", {"name": "x"}, "no parameter 'name'"),
    ],
)
def test_a_rule_that_is_none_is_refused(
    name: str, parameters: dict[str, object], says: str
) -> None:
    with pytest.raises(BadRule, match=says):
        read_rule(name, parameters)


def test_negative_and_export_are_beyond_a_tolerance() -> None:
    assert found(NegativeConsumption(tolerance_wh=5), (-6, -5, 0, ABSENT)) == [[0]]
    export = replace(stretch((0, 3, 4, ABSENT)), register="1-0:2.8.0")
    [suspects] = UnexpectedExport(tolerance_wh=3).suspects(export)
    assert np.flatnonzero(suspects.mask[0]).tolist() == [2]
    assert found(UnexpectedExport(), (0, 900)) == [[]]


def test_values_that_outlived_others_are_told_by_their_number() -> None:
    seen = replace(stretch((1, 2, ABSENT)), versions=np.array([[3, 2, 5]], dtype=np.uint16))
    [suspects] = DuplicateInterval(versions=3).suspects(seen)
    assert np.flatnonzero(suspects.mask[0]).tolist() == [0]
    assert found(DuplicateInterval(), (1, 2)) == [[]]


def test_what_a_meter_doubts_has_the_code_that_its_group_says() -> None:
    seen = replace(stretch((1, 2, ABSENT)), flagged=np.array([[False, True, True]]))
    for rule, code in ((MeterFlag(), "1.4.9"), (MeterFlag(iec_code="1.2.32"), "1.2.32")):
        [suspects] = rule.suspects(seen)
        assert np.flatnonzero(suspects.mask[0]).tolist() == [1]
        assert suspects.iec_code == code
    with pytest.raises(BadRule, match="meter-flag"):
        read_rule("meter-flag", {"iec_code": "3.5.256"})


def test_estimates_for_hours() -> None:
    estimated = np.array([[True, True, False, True, True, True]])
    seen = replace(stretch((1, 1, 1, 1, 1, 1)), estimated=estimated)
    [suspects] = ProlongedEstimation(hours=3).suspects(seen)
    assert np.flatnonzero(suspects.mask[0]).tolist() == [3, 4, 5]


def test_a_gap_is_of_what_somebody_waits_for() -> None:
    seen = replace(stretch((1, ABSENT, ABSENT)), expected=np.array([[True, True, False]]))
    [suspects] = GapCheck().suspects(seen)
    assert np.flatnonzero(suspects.mask[0]).tolist() == [1]


VALUES = st.one_of(st.none(), st.sampled_from([0, 90, 9_000]), st.integers(-10, 400))


@given(
    rows=st.lists(st.lists(VALUES, min_size=12, max_size=12), min_size=1, max_size=4),
    rule=st.sampled_from(
        [
            SpikeCheck(reach=2, floor_wh=50),
            ZeroConsumption(hours=3),
            IdenticalIntervals(count=3),
            HighLowCheck(high_w=350),
            NegativeConsumption(),
        ]
    ),
    first=st.integers(0, 11),
    count=st.integers(1, 12),
)
def test_a_verdict_depends_on_no_more_than_the_neighbours_that_a_rule_names(
    rows: list[list[int | None]], rule: Rule, first: int, count: int
) -> None:
    end = min(12, first + count)
    around = rule.neighbours(3_600)
    low, high = max(0, first - around), min(12, end + around)
    whole = rule.suspects(stretch(*rows))
    part = rule.suspects(stretch(*(row[low:high] for row in rows)))

    for ours, theirs in zip(whole, part, strict=True):
        cut = theirs.mask[:, first - low : end - low]
        assert np.array_equal(ours.mask[:, first:end], cut)
