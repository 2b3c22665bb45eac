"""Which intervals somebody waits for: what a gap is, as a pure function of values and a clock."""

import numpy as np
from numpy.typing import NDArray


def expected(
    present: NDArray[np.bool_],
    *,
    within: int,
    last: int,
    first: int = 0,
    before: NDArray[np.int64] | None = None,
) -> NDArray[np.bool_]:
    """Mask the intervals that a value is waited for: (M, S), of consecutive intervals.

    One is, up to column `last` inclusive and from `first` on, if a value was there at most `within`
    intervals before it: a meter that never said anything, or nothing for long, is another matter.
    `before` (M,) is the column, below 0, of each meter's newest value before these, far below for
    none; without it there was none.
    """
    meters, count = present.shape
    at = np.arange(count)
    never = -count - within - 1
    newest = np.full((meters, count), never)
    newest[:, 1:] = np.where(present[:, :-1], at[:-1], never)
    if before is not None:
        newest[:, 0] = before
    np.maximum.accumulate(newest, axis=1, out=newest)
    found: NDArray[np.bool_] = (at - newest <= within) & (at <= last) & (at >= first)
    return found
