"""Longer intervals of shorter ones: sums of energy, means and maxima of demand, what is missing."""

import re
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from functions.mdms.period_query import instant_text
from storage.model.block import PRESENT

# IEC 62056-61: D = 8, 9 and 29 are time integrals, so their intervals add up.
_ENERGY = re.compile(r"\d+-\d+:\d+\.(?:8|9|29)\.\d+")
LOWEST: Final = int(np.iinfo(np.int64).min)


def adds_up(register: str) -> bool:
    """Whether intervals of the OBIS code are energy; else they are demand."""
    return _ENERGY.fullmatch(register) is not None


@dataclass(frozen=True, slots=True)
class Resampled:
    """B buckets. Columns are (B,) int64.

    `total` is the sum of the values (Wh), `weighted` that of value times seconds, over the
    `present` intervals of the `expected` ones, that last `seconds` together; `highest` is
    their maximum, `LOWEST` where there is none. An interval is of the bucket that it starts in.
    """

    bounds: NDArray[np.int64]
    total: NDArray[np.int64]
    weighted: NDArray[np.int64]
    seconds: NDArray[np.int64]
    highest: NDArray[np.int64]
    present: NDArray[np.int64]
    expected: NDArray[np.int64]

    @classmethod
    def empty(cls, bounds: NDArray[np.int64]) -> Self:
        """Buckets between `bounds` (B + 1,) that no interval was added to."""
        columns = np.zeros((6, len(bounds) - 1), dtype=np.int64)
        columns[3] = LOWEST
        return cls(bounds, *columns)

    def add(self, *, first: int, interval_s: int, slots: NDArray[np.void]) -> None:
        """Take in intervals from number `first` (counted in lengths since 1970) on, in place."""
        start_s = (first + np.arange(len(slots), dtype=np.int64)) * interval_s
        bucket = np.searchsorted(self.bounds, start_s, side="right") - 1
        count = len(self.bounds) - 1
        self.expected[:] += np.bincount(bucket, minlength=count)
        known = (slots["flags"] & PRESENT) != 0
        bucket, value = bucket[known], slots["final"][known].astype(np.int64)
        self.present[:] += np.bincount(bucket, minlength=count)
        self.seconds[:] += np.bincount(bucket, minlength=count) * interval_s
        np.add.at(self.total, bucket, value)
        np.add.at(self.weighted, bucket, value * interval_s)
        np.maximum.at(self.highest, bucket, value)

    def rows(self, *, energy: bool) -> list[dict[str, Any]]:
        """The buckets as an answer says them: `sum`, or `mean` and `max`; null without values."""
        bounds = [instant_text(at) for at in self.bounds.tolist()]
        columns = (self.total, self.weighted, self.seconds, self.highest, self.present)
        found = []
        for at, (total, weighted, seconds, highest, present) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            row: dict[str, Any] = {"from": bounds[at], "to": bounds[at + 1]}
            if energy:
                row["sum"] = total if present else None
            else:
                row["mean"] = round(weighted / seconds, 3) if present else None
                row["max"] = highest if present else None
            row["intervals"] = present
            row["missing"] = int(self.expected[at]) - present
            found.append(row)
        return found
