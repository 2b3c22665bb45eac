"""Linear Interpolation: a short gap is filled by the straight line between its neighbours."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
import numpy as np

from functions.mdms.estimation.method import Estimates, History
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearInterpolation:
    """Gaps of at most `longest_minutes`, between a known interval on each side.

    Interval k of a gap of n between a and b is a + (b - a) * k / (n + 1), to the nearest Wh, halves
    up. Known as point-to-point or linear interpolation; California's VEE standards ("CA Interval
    Data VEE Rules", section 4) and EEI's Uniform Business Practices take it up to two hours. Green
    Button quality 9.
    """

    name: ClassVar[str] = "linear-interpolation"
    quality: ClassVar[Quality] = Quality.INTERPOLATED

    longest_minutes: Annotated[int, msgspec.Meta(ge=1, le=1_440)] = 120

    def estimates(self, history: History) -> Estimates:
        """See `Method.estimates`; a gap is consecutive intervals that are not known."""
        known = history.known
        meters, count = known.shape
        at = np.arange(count)
        before = np.maximum.accumulate(np.where(known, at, -1), axis=1)
        after = np.flip(
            np.minimum.accumulate(np.flip(np.where(known, at, count), axis=1), axis=1), axis=1
        )
        length = after - before - 1
        filled = (
            history.wanted
            & ~known
            & (before >= 0)
            & (after < count)
            & (length * history.interval_s <= self.longest_minutes * 60)
        )
        row = np.arange(meters)[:, None]
        low = history.energy_wh[row, np.maximum(before, 0)]
        high = history.energy_wh[row, np.minimum(after, count - 1)]
        steps = length + 1
        # In whole numbers: twice the numerator and one step more rounds halves up.
        rise = (2 * (high - low) * (at - before) + steps) // np.maximum(2 * steps, 1)
        return Estimates(np.where(filled, low + rise, 0), filled)
