"""Interval Size check: the length that the registry states for then, which divides a day."""

import numpy as np
from numpy.typing import NDArray

DAY_S = 86_400
SHORTEST_S = 60


def wrong_interval_size(
    *, interval_s: NDArray[np.int64], registered_s: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Mask the runs whose length is not the registered one, or does not divide a day evenly.

    Both arrays are (runs,), in seconds; a register read has length 0, and none to be wrong.
    """
    divides = (DAY_S % np.maximum(interval_s, 1)) == 0
    wrong = (interval_s != registered_s) | (interval_s < SHORTEST_S) | ~divides
    wrong_length: NDArray[np.bool_] = wrong & (interval_s != 0)
    return wrong_length


def over_the_change(
    *, start_s: NDArray[np.int64], interval_s: NDArray[np.int64], until_s: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Mask the intervals that end after their length's time, so that they overlap the next.

    All arrays are (readings,), in seconds; `until_s` is when the length of the interval's start
    ceases to hold.
    """
    over: NDArray[np.bool_] = (interval_s != 0) & (start_s > until_s - interval_s)
    return over
