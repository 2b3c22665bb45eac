"""History cut into local days, so that days that are alike can be laid beside one another."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from functions.mdms.estimation.method import History

DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class LikeDays:
    """M meters' D local days of L wall-clock places: `energy_wh` and `known` are (M, D, L).

    `cell` (S,) is each interval's day * L + place, `first` the number of the first day, `kind` (D,)
    that of each day, -1 where no interval lies.
    """

    energy_wh: NDArray[np.int64]
    known: NDArray[np.bool_]
    cell: NDArray[np.int64]
    kind: NDArray[np.int64]

    def before(self, day: int, *, reach: int) -> NDArray[np.int64]:
        """The days like `day` among the `reach` before it, the nearest first."""
        days = np.arange(day - 1, max(day - 1 - reach, -1), -1)
        found: NDArray[np.int64] = days[self.kind[days] == self.kind[day]].astype(np.int64)
        return found

    def wanted_days(self, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, NDArray[np.bool_]]]:
        """Each day with a wanted interval (`wanted` is (M, S)), and its wanted places (M, L)."""
        meters, days, places = self.known.shape
        cells = np.zeros((meters, days * places), dtype=np.bool_)
        row, column = np.nonzero(wanted)
        cells[row, self.cell[column]] = True
        by_day = cells.reshape(meters, days, places)
        for day in np.flatnonzero(by_day.any(axis=(0, 2))).tolist():
            yield day, by_day[:, day]

    def intervals(self, of_day: NDArray[np.int64]) -> NDArray[np.int64]:
        """Columns (M, D, L) laid out as intervals again: (M, S)."""
        return of_day.reshape(len(of_day), -1)[:, self.cell]


def like_days(history: History) -> LikeDays:
    """Cut `history`; where clocks go back, the later of two intervals stands for their place."""
    calendar, places = history.calendar, DAY_S // history.interval_s
    first = int(calendar.day[0]) if len(calendar.day) else 0
    day = calendar.day - first
    days = int(day.max(initial=-1)) + 1
    cell = day * places + calendar.slot
    meters = len(history.known)
    energy = np.zeros((meters, days * places), dtype=np.int64)
    known = np.zeros((meters, days * places), dtype=np.bool_)
    row, column = np.nonzero(history.known)
    energy[row, cell[column]] = history.energy_wh[row, column]
    known[row, cell[column]] = True
    kind = np.full(days, -1, dtype=np.int64)
    kind[day] = calendar.kind
    return LikeDays(
        energy_wh=energy.reshape(meters, days, places),
        known=known.reshape(meters, days, places),
        cell=cell,
        kind=kind,
    )
