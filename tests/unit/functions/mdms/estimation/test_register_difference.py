"""Intervals from register reads: exact where a read stands at each end, nothing elsewhere."""

from dataclasses import replace

import numpy as np

from functions.mdms.estimation.linear_interpolation import LinearInterpolation
from functions.mdms.estimation.method_list import fill
from functions.mdms.estimation.register_difference import RegisterDifference
from tests.unit.functions.mdms.estimation.histories import history


def test_what_the_register_counted_comes_before_a_line() -> None:
    held = replace(
        history((10, None, None, None, 50)),
        between_reads=np.array([[9, -1, 25, 1 << 31, -1]]),
    )

    found = fill(held, [RegisterDifference(), LinearInterpolation()])

    # The first one is known, the last but one fits no slot.
    assert found.method[0].tolist() == [-1, 1, 0, 1, -1]
    assert found.energy_wh[0].tolist() == [0, 20, 25, 40, 0]


def test_without_reads_nothing_is_said() -> None:
    assert not RegisterDifference().estimates(history((10, None, 30))).filled.any()
