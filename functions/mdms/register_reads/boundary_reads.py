"""A meter's register reads laid beside its intervals: what was counted between which of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from functions.mdms.register_reads.consumption import Turn, consumption_between
from storage.model.meter import Meter


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPairs:
    """P pairs of reads that follow one another, every column (P,).

    The reads are at `begin_s` and `end_s`, in seconds since 1970, and show `begin_value` and
    `end_value`; in between `energy_wh` were counted, unless the turn is `BACKWARD`. `first` and
    `end` are the numbers of the intervals that lie between them, in lengths since 1970; -1 where
    a read is farther from an interval's end than is allowed.
    """

    begin_s: NDArray[np.int64]
    end_s: NDArray[np.int64]
    begin_value: NDArray[np.int64]
    end_value: NDArray[np.int64]
    energy_wh: NDArray[np.int64]
    turn: NDArray[np.uint8]
    first: NDArray[np.int64]
    end: NDArray[np.int64]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Mask the pairs between which whole intervals lie and the consumption is known."""
        found: NDArray[np.bool_] = (
            (self.first >= 0) & (self.end > self.first) & (self.turn != Turn.BACKWARD)
        )
        return found


def pair_reads(
    *,
    meter: Meter,
    interval_s: int,
    at_s: NDArray[np.int64],
    values: NDArray[np.int64],
    tolerance_s: int,
) -> ReadPairs:
    """Pair the reads of one meter, R rising instants: (R,) each.

    A read within `tolerance_s` of the end of an interval bounds it: a meter's clock that is some
    seconds late still says what its intervals add up to. Nothing that is stored moves.
    """
    between = consumption_between(
        at_s=at_s, values=values, dials=meter.dials, multiplier=meter.multiplier
    )
    number = (at_s + interval_s // 2) // interval_s
    bound = np.where(np.abs(number * interval_s - at_s) <= tolerance_s, number, -1)
    both = (bound[:-1] >= 0) & (bound[1:] >= 0)
    return ReadPairs(
        begin_s=at_s[:-1],
        end_s=at_s[1:],
        begin_value=values[:-1],
        end_value=values[1:],
        energy_wh=between.energy_wh,
        turn=between.turn,
        first=np.where(both, bound[:-1], -1),
        end=np.where(both, bound[1:], -1),
    )
