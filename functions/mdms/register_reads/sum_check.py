"""Sum Check: the intervals between two register reads add up to what the register counted."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray


class SumResult(StrEnum):
    """What the check says of one pair of reads."""

    PASS = "pass"
    FAIL = "fail"
    INCOMPLETE = "incomplete"
    """Intervals are missing between the reads, or these are not on their grid."""
    BACKWARD = "backward"


@dataclass(frozen=True, slots=True, kw_only=True)
class SumCheck:
    """Agrees within `tolerance_wh`, or `tolerance_percent` of the register's consumption if more.

    Known as sum check or register/interval cross check; California's VEE standards allow two
    units of the register's multiplier for what each read cuts off.
    """

    tolerance_wh: Annotated[int, msgspec.Meta(ge=0)] = 2
    tolerance_percent: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0.0

    def agrees(
        self, *, intervals_wh: NDArray[np.int64], register_wh: NDArray[np.int64], multiplier: int
    ) -> NDArray[np.bool_]:
        """Mask the pairs whose sum of intervals is the register's: all arrays are (pairs,)."""
        share = np.abs(register_wh) * (self.tolerance_percent / 100)
        allowed = np.maximum(float(self.tolerance_wh * multiplier), share)
        found: NDArray[np.bool_] = np.abs(intervals_wh - register_wh) <= allowed
        return found
