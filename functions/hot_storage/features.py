"""What is known of blocks when it is decided whether they stay hot, as columns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """B blocks, one entry each in every column, and what is true of all.

    `age_days` counts from the end of a block's UTC day, below 0 while it runs; `reads` are what is
    left of the reads of it after fading; `billing_open`, `exceptions` and `held` say that its
    billing period is open, that it has open exceptions, that a hold names it. `pressure` is the
    share of the tenant's hot memory that is taken.
    """

    age_days: NDArray[np.float64]
    reads: NDArray[np.float64]
    billing_open: NDArray[np.bool_]
    exceptions: NDArray[np.bool_]
    held: NDArray[np.bool_]
    pressure: float = 0.0

    def __len__(self) -> int:
        """Number of blocks."""
        return len(self.age_days)


def faded(
    reads: NDArray[np.float64], *, since_days: NDArray[np.float64], half_life_days: float
) -> NDArray[np.float64]:
    """What is left of counts that were right `since_days` ago."""
    left: NDArray[np.float64] = reads * np.exp2(-np.maximum(since_days, 0.0) / half_life_days)
    return left
