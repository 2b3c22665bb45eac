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
    flat = member.ravel()
    number = np.cumsum(begins.ravel())
    # Intervals outside of any run share number 0, which no run has.
    number[~flat] = 0
    long = np.bincount(number, minlength=1) >= at_least
    long[0] = False
    found: NDArray[np.bool_] = long[number].reshape(member.shape)
    return found
