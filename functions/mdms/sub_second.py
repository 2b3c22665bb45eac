"""Sub-second check: an instant is a whole second, for rounding could join two readings."""

import numpy as np
from numpy.typing import NDArray


def sub_second(start_us: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mask the runs whose start, in microseconds since 1970, is between two seconds: (runs,)."""
    between: NDArray[np.bool_] = start_us % 1_000_000 != 0
    return between
