"""Runs that may name a slot twice, found in the columns of many entries at once."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Series: TypeAlias = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


def overlap(
    entry: NDArray[np.int64], series: Series, length: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Runs of which some slot may be another one's too, of the same entry.

    `series` are meter, register, interval length and start; all columns are (R,), the runs of one
    entry stand together.
    """
    clear = np.ones(len(entry), dtype=np.bool_)
    clear[1:] = _follows(entry, series, length)
    if clear.all():
        return ~clear
    # Runs of these entries come in another order than by series.
    other = np.zeros(int(entry[-1]) + 1, dtype=np.bool_)
    other[entry[~clear]] = True
    places = np.flatnonzero(other[entry])
    order = places[np.lexsort([column[places] for column in (*series[::-1], entry)])]
    meter, register, interval_s, start = series
    in_order = meter[order], register[order], interval_s[order], start[order]
    clear[order[0]] = True
    clear[order[1:]] = _follows(entry[order], in_order, length[order])
    return ~clear


def _follows(
    entry: NDArray[np.int64], series: Series, length: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Whether each run but the first is of a later series than the one before, or after its end.

    Where all are, none names a slot that another of its entry names.
    """
    meter, register, interval_s, start = series
    follows: NDArray[np.bool_] = (entry[1:] != entry[:-1]) | (meter[1:] > meter[:-1])
    left = np.flatnonzero(~follows)
    if not len(left):
        return follows
    before, after = left, left + 1
    same = meter[after] == meter[before]
    for column in (register, interval_s):
        follows[left] |= same & (column[after] > column[before])
        same &= column[after] == column[before]
    ends = start[before] + length[before] * interval_s[before].astype(np.int64)
    follows[left] |= same & (start[after] >= ends)
    return follows
