"""Zero Consumption check: a meter that counts nothing for long may have stopped."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.rule import Severity, Stretch, Suspects
from functions.mdms.vee.steady_runs import in_long_runs
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroConsumption:
    """Zeros for at least `hours` in one go. IEC 61968-9 quality 3.6.1 (zero usage)."""

    name: ClassVar[str] = "zero-consumption"
    title: ClassVar[str] = "Zero Consumption"
    severity: ClassVar[Severity] = Severity.WARNING
    quality: ClassVar[Quality | None] = Quality.QUESTIONABLE
    iec_codes: ClassVar[tuple[str, ...]] = ("3.6.1",)

    hours: int = 24

    def __post_init__(self) -> None:
        """Refuse a time that is none."""
        if not 1 <= self.hours <= 10_000:
            raise ValueError("`hours` is 1 to 10000")

    def neighbours(self, interval_s: int) -> int:
        """The rest of the shortest run that fails."""
        return self._at_least(interval_s) - 1

    def concerns(self, stretch: Stretch) -> NDArray[np.bool_]:
        """Every zero."""
        zero: NDArray[np.bool_] = stretch.present & (stretch.energy_wh == 0)
        return zero

    def suspects(self, stretch: Stretch) -> list[Suspects]:
        """All intervals of such runs; a gap ends a run."""
        zero = stretch.present & (stretch.energy_wh == 0)
        at_least = self._at_least(stretch.interval_s)
        return [Suspects(in_long_runs(zero, at_least=at_least), "3.6.1")]

    def _at_least(self, interval_s: int) -> int:
        return max(1, -(-self.hours * 3_600 // interval_s))
