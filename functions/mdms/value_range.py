"""Value Range check: a slot holds 32 bits; what does not fit is refused, never wrapped."""

import numpy as np
from numpy.typing import NDArray

LOWEST = int(np.iinfo(np.int32).min)
HIGHEST = int(np.iinfo(np.int32).max)


def out_of_range(values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mask the readings (Wh or W) that an int32 cannot hold: (readings,)."""
    return (values < LOWEST) | (values > HIGHEST)
