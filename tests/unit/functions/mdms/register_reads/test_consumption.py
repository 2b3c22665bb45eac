"""Register reads: roll-over, multiplier, registers that went backward, intervals and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.mdms.register_reads.consumption import Turn, consumption_between
from functions.mdms.register_reads.interval_differences import (
    intervals_of_reads,
    reads_of_intervals,
)

HOUR = 3_600


def used(*reads: int, dials: int = 5, multiplier: int = 1, hours: int = 1) -> list[tuple[int, str]]:
    between = consumption_between(
        at_s=np.arange(len(reads), dtype=np.int64) * HOUR * hours,
        values=np.array(reads, dtype=np.int64),
        dials=dials,
        multiplier=multiplier,
        most_w=20_000,
    )
    return [
        (energy, Turn(turn).name)
        for energy, turn in zip(between.energy_wh.tolist(), between.turn.tolist(), strict=True)
    ]


def test_reads_that_rise() -> None:
    assert used(100, 350, 350) == [(250, "FORWARD"), (0, "FORWARD")]


def test_the_multiplier_of_the_instrument_transformers() -> None:
    assert used(100, 103, multiplier=40) == [(120, "FORWARD")]


@pytest.mark.parametrize(
    ("reads", "dials", "expected"),
    [
        pytest.param((99_990, 10), 5, (20, "ROLLED_OVER"), id="five_dials"),
        pytest.param((99_999, 0), 5, (1, "ROLLED_OVER"), id="by_one"),
        pytest.param((999_999_999_999_999_990, 10), 18, (20, "ROLLED_OVER"), id="18_dials"),
        pytest.param((99_990, 99_980), 5, (0, "BACKWARD"), id="a_little_backward"),
        pytest.param((50_000, 0), 5, (0, "BACKWARD"), id="a_new_meter_shows_0"),
    ],
)
def test_a_lower_read(reads: tuple[int, int], dials: int, expected: tuple[int, str]) -> None:
    assert used(*reads, dials=dials) == [expected]


def test_more_time_makes_a_roll_over_believable() -> None:
    assert used(50_000, 0, hours=2) == [(0, "BACKWARD")]
    assert used(50_000, 0, hours=3) == [(50_000, "ROLLED_OVER")]


def test_a_multiplied_register_rolls_over_as_any_other() -> None:
    assert used(80_000, 0, multiplier=40) == [(800_000, "ROLLED_OVER")]
    assert used(79_999, 0, multiplier=40) == [(0, "BACKWARD")]


def test_intervals_between_neighbouring_reads_on_the_grid_only() -> None:
    at_s = np.array([0, 900, 1_807, 2_700, 3_600, 5_400, 6_300])
    values = np.array([99_900, 40, 55, 70, 60, 90, 101])

    found = intervals_of_reads(at_s=at_s, values=values, dials=5, multiplier=1, interval_s=900)

    # From 2,700 the register goes backward, and between 3,600 and 5,400 are two intervals.
    assert (found.interval.tolist(), found.energy_wh.tolist()) == ([0, 6], [140, 11])


@given(
    energy=st.lists(st.integers(0, 5_000), min_size=1, max_size=50),
    begin=st.integers(0, 99_999),
    multiplier=st.sampled_from([1, 40]),
)
def test_reads_of_intervals_give_the_intervals_back(
    energy: list[int], begin: int, multiplier: int
) -> None:
    whole = np.array(energy, dtype=np.int64) * multiplier

    reads = reads_of_intervals(energy_wh=whole, begin_value=begin, dials=5, multiplier=multiplier)
    found = intervals_of_reads(
        at_s=np.arange(len(energy) + 1, dtype=np.int64) * HOUR,
        values=np.concatenate(([begin], reads)),
        dials=5,
        multiplier=multiplier,
        interval_s=HOUR,
    )

    assert found.energy_wh.tolist() == whole.tolist()


def test_what_does_not_fill_a_unit_is_carried_on() -> None:
    reads = reads_of_intervals(
        energy_wh=np.array([30, 30, 30]), begin_value=7, dials=5, multiplier=40
    )

    assert reads.tolist() == [7, 8, 9]
