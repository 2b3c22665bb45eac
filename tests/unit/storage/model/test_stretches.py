"""Stretches cover their column."""

import numpy as np
import pytest

from storage.model.stretches import stretch_lengths


@pytest.mark.parametrize(
    ("begins", "total", "lengths"),
    [
        pytest.param([], 0, [], id="an_empty_column"),
        pytest.param([0], 5, [5], id="one_stretch"),
        pytest.param([0, 1, 4], 6, [1, 3, 2], id="three"),
    ],
)
def test_lengths(begins: list[int], total: int, lengths: list[int]) -> None:
    found = stretch_lengths(np.array(begins, dtype=np.intp), total)

    assert found.tolist() == lengths
