"""Estimates scaled to register reads: the sum is exact, what is known is not touched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.mdms.estimation.boundary_scaling import Scaled, Scaling, Window, scale_to_boundaries


def scaled(values: list[int], kinds: str, *windows: tuple[int, int, int]) -> Scaled:
    """`kinds` has a letter an interval: k known, e estimated, - neither."""
    return scale_to_boundaries(
        energy_wh=np.array(values, dtype=np.int64),
        known=np.array([kind == "k" for kind in kinds]),
        estimated=np.array([kind == "e" for kind in kinds]),
        windows=[
            Window(first=first, end=end, consumption=consumption)
            for first, end, consumption in windows
        ],
    )


@pytest.mark.parametrize(
    ("values", "kinds", "consumption", "expected"),
    [
        pytest.param([10, 20, 30, 40], "keek", 150, [10, 40, 60, 40], id="in_proportion"),
        pytest.param([10, 20, 30, 40], "keek", 50, [10, 0, 0, 40], id="nothing_is_left"),
        pytest.param([10, 0, 0, 40], "keek", 61, [10, 6, 5, 40], id="flat_for_want_of_a_shape"),
        pytest.param([1, 1, 1], "eee", 2, [1, 1, 0], id="whole_watt_hours"),
        pytest.param([2, 1, 1], "eee", 5, [3, 1, 1], id="largest_remainder"),
    ],
)
def test_the_sum_is_what_the_register_counted(
    values: list[int], kinds: str, consumption: int, expected: list[int]
) -> None:
    found = scaled(values, kinds, (0, len(values), consumption))

    assert found.outcomes == [Scaling.SCALED]
    assert found.energy_wh.tolist() == expected


@pytest.mark.parametrize(
    ("values", "kinds", "consumption", "outcome"),
    [
        pytest.param([10, 20], "kk", 99, Scaling.NOTHING_ESTIMATED, id="complete"),
        pytest.param([10, 20], "-e", 99, Scaling.INCOMPLETE, id="a_gap_is_left"),
        pytest.param([10, 20], "ke", 9, Scaling.KNOWN_EXCEEDS_REGISTER, id="too_much_is_known"),
        pytest.param([10, 20], "ke", 1 << 32, Scaling.BEYOND_RANGE, id="more_than_a_slot_holds"),
    ],
)
def test_what_cannot_be_scaled_stays_and_says_why(
    values: list[int], kinds: str, consumption: int, outcome: Scaling
) -> None:
    found = scaled(values, kinds, (0, 2, consumption))

    assert (found.outcomes, found.energy_wh.tolist()) == ([outcome], values)


def test_each_window_is_scaled_by_itself() -> None:
    found = scaled([1, 1, 1, 1, 1, 1], "keke-e", (0, 2, 11), (2, 4, 3), (4, 6, 9))

    assert found.outcomes == [Scaling.SCALED, Scaling.SCALED, Scaling.INCOMPLETE]
    assert found.energy_wh.tolist() == [1, 10, 1, 2, 1, 1]


@given(
    weights=st.lists(st.integers(0, (1 << 31) - 1), min_size=1, max_size=200),
    consumption=st.integers(0, 1 << 45),
)
def test_the_sum_is_always_exact(weights: list[int], consumption: int) -> None:
    found = scaled(weights, "e" * len(weights), (0, len(weights), consumption))

    if found.outcomes == [Scaling.SCALED]:
        assert int(found.energy_wh.sum()) == consumption
        assert (found.energy_wh >= 0).all()
    else:
        assert found.outcomes == [Scaling.BEYOND_RANGE]
        assert consumption > 0
