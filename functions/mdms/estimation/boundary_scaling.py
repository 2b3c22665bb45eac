"""Scaling to boundary register reads: known and estimated intervals add up to what was counted."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

_LARGEST: Final = int(np.iinfo(np.int32).max)
_EXACT: Final = 1 << 62


class Scaling(StrEnum):
    """What became of the intervals between two register reads."""

    SCALED = "scaled"
    NOTHING_ESTIMATED = "nothing-estimated"
    INCOMPLETE = "incomplete"
    KNOWN_EXCEEDS_REGISTER = "known-exceeds-register"
    BEYOND_RANGE = "beyond-range"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Intervals `first` up to `end` (excluded) lie between two reads that differ by `consumption`.

    `consumption` is in Wh, roll-over and multiplier applied.
    """

    first: int
    end: int
    consumption: int


@dataclass(frozen=True, slots=True)
class Scaled:
    """The estimates of one meter (S,), scaled where `outcomes`, one a window, says so."""

    energy_wh: NDArray[np.int64]
    outcomes: list[Scaling]


def scale_to_boundaries(
    *,
    energy_wh: NDArray[np.int64],
    known: NDArray[np.bool_],
    estimated: NDArray[np.bool_],
    windows: list[Window],
) -> Scaled:
    """Scale the estimates of one meter so that each window's intervals sum to its consumption.

    All arrays are (S,). What the known intervals leave of the consumption goes to the estimated
    ones in proportion to their estimates, flat where these are all zero; whole Wh go by largest
    remainder, the earliest first, so that the sum is exact. Values that are known are not touched.
    A window with an interval that is neither known nor estimated cannot be scaled. California's VEE
    standards scale estimates of interval data so, to the difference of the register reads.
    """
    scaled = energy_wh.copy()
    outcomes = []
    for window in windows:
        part = slice(window.first, window.end)
        mask = estimated[part]
        rest = window.consumption - int(energy_wh[part][known[part]].sum())
        if not mask.any():
            outcomes.append(Scaling.NOTHING_ESTIMATED)
        elif not (known[part] | mask).all():
            outcomes.append(Scaling.INCOMPLETE)
        elif rest < 0:
            outcomes.append(Scaling.KNOWN_EXCEEDS_REGISTER)
        else:
            shares = _shares(np.maximum(energy_wh[part][mask], 0), rest)
            if int(max(shares)) > _LARGEST:
                outcomes.append(Scaling.BEYOND_RANGE)
            else:
                scaled[np.flatnonzero(mask) + window.first] = shares
                outcomes.append(Scaling.SCALED)
    return Scaled(scaled, outcomes)


def _shares(weights: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Divide `total` by `weights`, to whole numbers whose sum is `total`."""
    if not weights.any():
        weights = np.ones_like(weights)
    whole = int(weights.sum())
    exact = weights if total * int(weights.max()) < _EXACT else weights.astype(object)
    shares, remainders = exact * total // whole, exact * total % whole
    left = total - int(shares.sum())
    shares[np.argsort(-remainders, kind="stable")[:left]] += 1
    return shares
