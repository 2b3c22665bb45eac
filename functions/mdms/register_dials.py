"""Register Dials check: a register rolls over, so a read beyond its digits cannot be."""

import numpy as np
from numpy.typing import NDArray


def beyond_dials(
    *, values: NDArray[np.int64], end: NDArray[np.int64], of_interval: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Mask the register reads (Wh) that need more digits than the register has: (readings,).

    `end` is the first number that the register cannot show, 10 to the power of its dials.
    """
    # A net register counts in both directions.
    beyond: NDArray[np.bool_] = ((values >= end) | (values <= -end)) & ~of_interval
    return beyond
