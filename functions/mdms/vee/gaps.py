"""Which intervals somebody waits for: what a gap is, as a pure function of values and a clock."""

import numpy as np
from numpy.typing import NDArray


def expected(
    present: NDArray[np.bool_], *, within: int, last: int, first: int = 0
) -> NDArray[np.bool_]:
    """Mask the intervals that a value is waited for: (M, S), of consecutive intervals.

    One is, up to column `last` inclusive and from `first` on, if a value was there at most `within`
    intervals before it: a meter that never said anything, or nothing for long, is another matter.
    """
    meters, count = present.shape
    at = np.arange(count)
    newest = np.maximum.accumulate(np.where(present, at, -count - within - 1), axis=1)
    before = np.full((meters, count), -count - within - 1)
    before[:, 1:] = newest[:, :-1]
    found: NDArray[np.bool_] = (at - before <= within) & (at <= last) & (at >= first)
    return found
