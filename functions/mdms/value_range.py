"""Value Range check: an interval has 32 bits; what does not fit is refused, never wrapped."""

import numpy as np
from numpy.typing import NDArray

LOWEST = int(np.iinfo(np.int32).min)
HIGHEST = int(np.iinfo(np.int32).max)


def out_of_range(*, values: NDArray[np.int64], of_interval: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mask the interval readings (Wh or W) that an int32 cannot hold; both are (readings,)."""
    return ((values < LOWEST) | (values > HIGHEST)) & of_interval
