"""Runs of intervals that are alike, found in all meters at once."""

import numpy as np
from numpy.typing import NDArray


def in_long_runs(
    member: NDArray[np.bool_], *, at_least: int, same_as_before: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Mask the members of runs of `at_least` consecutive members; all arrays are (M, S).

    A run ends where `same_as_before` is False, and with its meter's row.
    """
    begins = member.copy()
    begins[:, 1:] &= ~member[:, :-1]
    if same_as_before is not None:
        begins |= member & ~same_as_before
    begins[:, :1] = member[:, :1]
    found = np.zeros_like(member)
    # Most meters have too few members that go on for any long run: they cost no more than this.
    rows = np.flatnonzero((member & ~begins).sum(axis=1) >= at_least - 1)
    if not len(rows):
        return found
    number = np.cumsum(begins[rows].ravel())
    # Intervals outside of any run share number 0, which no run has.
    number[~member[rows].ravel()] = 0
    long = np.bincount(number, minlength=1) >= at_least
    long[0] = False
    found[rows] = long[number].reshape(len(rows), member.shape[1])
    return found
