"""Future and Stale Timestamp checks: an interval must have ended, and not too long ago."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingTime:
    """Limits in seconds: how far a meter's clock may be ahead, how late a reading may come."""

    ahead_s: int = 300
    stale_after_s: int = 1_100 * 86_400

    def future(
        self, *, start_s: NDArray[np.int64], interval_s: NDArray[np.int64], now_s: int
    ) -> NDArray[np.bool_]:
        """Mask the readings that end after `now_s` and the allowance: (readings,).

        A register read has an interval of length 0.
        """
        return start_s + interval_s > now_s + self.ahead_s

    def stale(self, *, start_s: NDArray[np.int64], now_s: int) -> NDArray[np.bool_]:
        """Mask the readings that start before the limit, or before 1970: (readings,)."""
        return start_s < max(0, now_s - self.stale_after_s)
