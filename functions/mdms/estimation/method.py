"""What an estimation method looks at, and what it says: the shape that every method has."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from functions.mdms.estimation.day_calendar import DayCalendar
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """S consecutive intervals of M meters of one time zone, history and gaps together.

    `energy_wh` (M, S) int64 counts where `known` (M, S): values that an estimate may rest on.
    `wanted` (M, S) are the intervals to estimate; none of them is known. `interval_s` is their
    length in seconds. `between_reads` (M, S) is what the register counted in each interval that has
    a read at both ends, in Wh, and -1 elsewhere; None where no reads are at hand.
    """

    energy_wh: NDArray[np.int64]
    known: NDArray[np.bool_]
    wanted: NDArray[np.bool_]
    interval_s: int
    calendar: DayCalendar
    between_reads: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class Estimates:
    """`energy_wh` (M, S) int64 is an estimate where `filled` (M, S), and nothing elsewhere."""

    energy_wh: NDArray[np.int64]
    filled: NDArray[np.bool_]


class Method(Protocol):
    """A method with its parameters: pure, so that it can be tried on what is stored."""

    name: ClassVar[str]
    quality: ClassVar[Quality]

    def estimates(self, history: History) -> Estimates:
        """Estimates of those wanted intervals for which the method has what it needs."""
