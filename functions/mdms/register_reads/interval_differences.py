"""Register reads at the ends of intervals turned into these intervals, and intervals into reads."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from functions.mdms.register_reads.consumption import Turn, consumption_between


@dataclass(frozen=True, slots=True)
class Differences:
    """Intervals by number, in lengths since 1970: `interval` (N,) rising, `energy_wh` (N,)."""

    interval: NDArray[np.int64]
    energy_wh: NDArray[np.int64]


def intervals_of_reads(
    *,
    at_s: NDArray[np.int64],
    values: NDArray[np.int64],
    dials: int,
    multiplier: int,
    interval_s: int,
) -> Differences:
    """The intervals that lie exactly between two of the reads, one after the other.

    Reads off the grid, reads that are more than an interval apart and a register that went backward
    give none: what lies between such reads is known as a sum only. For the rest see
    `consumption_between`.
    """
    on_grid = at_s % interval_s == 0
    at_s, values = at_s[on_grid], values[on_grid]
    between = consumption_between(at_s=at_s, values=values, dials=dials, multiplier=multiplier)
    exact = (np.diff(at_s) == interval_s) & (between.turn != Turn.BACKWARD)
    return Differences(at_s[:-1][exact] // interval_s, between.energy_wh[exact])


def reads_of_intervals(
    *, energy_wh: NDArray[np.int64], begin_value: int, dials: int, multiplier: int
) -> NDArray[np.int64]:
    """What the register shows at the end of each interval: (N,), from `begin_value` before.

    The register rolls over; what does not fill a unit of it (the multiplier's part of a Wh) is
    carried on to the next interval.
    """
    counted = np.cumsum(energy_wh) // multiplier
    shown: NDArray[np.int64] = (begin_value + counted) % np.int64(10**dials)
    return shown
