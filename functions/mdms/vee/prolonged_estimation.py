"""Prolonged Estimation check: a meter that is estimated for long wants a visit."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.rule import Severity, Stretch, Suspects
from functions.mdms.vee.steady_runs import in_long_runs
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class ProlongedEstimation:
    """Estimates for at least `hours` in one go. IEC 61968-9 quality 3.8.0 (estimated)."""

    name: ClassVar[str] = "prolonged-estimation"
    title: ClassVar[str] = "Prolonged Estimation"
    severity: ClassVar[Severity] = Severity.WARNING
    quality: ClassVar[Quality | None] = None
    iec_codes: ClassVar[tuple[str, ...]] = ("3.8.0",)

    hours: int = 48

    def __post_init__(self) -> None:
        """Refuse a time that is none."""
        if not 1 <= self.hours <= 840:
            raise ValueError("`hours` is 1 to 840")

    def neighbours(self, interval_s: int) -> int:
        """The rest of the shortest run that fails."""
        return self._at_least(interval_s) - 1

    def concerns(self, stretch: Stretch) -> NDArray[np.bool_]:
        """Every estimate."""
        if stretch.estimated is None:
            return np.zeros_like(stretch.present)
        return stretch.present & stretch.estimated

    def suspects(self, stretch: Stretch) -> list[Suspects]:
        """All intervals of such runs; a gap or an actual value ends a run."""
        if stretch.estimated is None:
            return [Suspects(np.zeros_like(stretch.present), "3.8.0")]
        estimated = stretch.present & stretch.estimated
        runs = in_long_runs(estimated, at_least=self._at_least(stretch.interval_s))
        return [Suspects(runs, "3.8.0")]

    def _at_least(self, interval_s: int) -> int:
        return max(1, -(-self.hours * 3_600 // interval_s))
