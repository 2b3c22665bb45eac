"""Sums over a group of meters, and how many of them had values: the coverage of each bucket."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.mdms.period_query import instant_text
from functions.mdms.resampling import Resampled


class GroupSums:
    """Buckets of a virtual meter: the sum of the energy, or of the mean demand, of its meters."""

    def __init__(self, bounds: NDArray[np.int64]) -> None:
        """`bounds` of B buckets: (B + 1,), in seconds since 1970."""
        count = len(bounds) - 1
        self._bounds = bounds
        self._energy = np.zeros(count, dtype=np.int64)
        self._demand = np.zeros(count, dtype=np.float64)
        self._covered = np.zeros(count, dtype=np.int64)
        self._complete = np.zeros(count, dtype=np.int64)
        self._present = np.zeros(count, dtype=np.int64)
        self._missing = np.zeros(count, dtype=np.int64)
        self.meters = 0
        self.with_values = 0

    def add(self, buckets: Resampled) -> None:
        """Take in one more meter, in place."""
        has_values = buckets.present > 0
        self.meters += 1
        self.with_values += bool(has_values.any())
        self._energy += buckets.total
        self._demand += np.divide(
            buckets.weighted,
            buckets.seconds,
            out=np.zeros(len(has_values)),
            where=has_values,
        )
        self._covered += has_values
        self._complete += has_values & (buckets.present == buckets.expected)
        self._present += buckets.present
        self._missing += buckets.expected - buckets.present

    def rows(self, *, energy: bool) -> list[dict[str, Any]]:
        """The buckets as an answer says them: `sum` in Wh or `mean` in W, null without values."""
        bounds = [instant_text(at) for at in self._bounds.tolist()]
        value = self._energy if energy else np.round(self._demand, 3)
        columns = (value, self._covered, self._complete, self._present, self._missing)
        return [
            {
                "from": bounds[at],
                "to": bounds[at + 1],
                "sum" if energy else "mean": total if covered else None,
                "with_values": covered,
                "complete": complete,
                "intervals": present,
                "missing": missing,
            }
            for at, (total, covered, complete, present, missing) in enumerate(
                zip(*(column.tolist() for column in columns), strict=True)
            )
        ]
