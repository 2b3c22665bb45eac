"""Unknown Meter: a reading needs a meter that the zone's registry knows."""

import numpy as np
from numpy.typing import NDArray


def unknown_meter(position: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mask the runs whose meter has no position in the registry (-1): shape (runs,)."""
    return position < 0
