"""Interval Size check: the length the registry states, on the grid that starts at midnight UTC."""

import numpy as np
from numpy.typing import NDArray

DAY_S = 86_400
SHORTEST_S = 60


def wrong_interval_size(
    *, interval_s: NDArray[np.int64], registered_s: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Mask the runs whose length is not the registered one, or does not divide a day evenly.

    Both arrays are (runs,), in seconds.
    """
    divides = (DAY_S % np.maximum(interval_s, 1)) == 0
    wrong: NDArray[np.bool_] = (interval_s != registered_s) | (interval_s < SHORTEST_S) | ~divides
    return wrong


def off_grid(*, start_us: NDArray[np.int64], interval_s: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mask the runs that do not start a whole number of intervals after midnight UTC.

    `start_us` is microseconds since 1970, `interval_s` seconds: (runs,). A late clock must not
    floor a reading into somebody else's slot.
    """
    off: NDArray[np.bool_] = start_us % (np.maximum(interval_s, 1) * 1_000_000) != 0
    return off
