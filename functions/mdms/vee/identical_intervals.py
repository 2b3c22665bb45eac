"""Consecutive Identical Intervals check: real use does not repeat itself to the watt-hour."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.rule import Severity, Stretch, Suspects
from functions.mdms.vee.steady_runs import in_long_runs
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class IdenticalIntervals:
    """The same value, not 0, at least `count` times running and above `floor_wh`.

    Small values repeat by themselves: whole watt-hours leave them little choice.
    """

    name: ClassVar[str] = "identical-intervals"
    title: ClassVar[str] = "Consecutive Identical Intervals"
    severity: ClassVar[Severity] = Severity.WARNING
    quality: ClassVar[Quality | None] = Quality.QUESTIONABLE
    iec_codes: ClassVar[tuple[str, ...]] = ("3.6.0",)

    count: int = 8
    floor_wh: int = 20

    def __post_init__(self) -> None:
        """Refuse a number of times that is none."""
        if not 2 <= self.count <= 100_000 or self.floor_wh < 0:
            raise ValueError("`count` is 2 to 100000, `floor_wh` not below 0")

    def neighbours(self, interval_s: int) -> int:
        """The rest of the shortest run that fails."""
        return self.count - 1

    def concerns(self, stretch: Stretch) -> NDArray[np.bool_]:
        """Every value above the floor."""
        return stretch.present & (stretch.energy_wh > self.floor_wh)

    def suspects(self, stretch: Stretch) -> list[Suspects]:
        """All intervals of such runs; a gap ends a run."""
        energy_wh = stretch.energy_wh
        same = np.zeros_like(stretch.present)
        same[:, 1:] = energy_wh[:, 1:] == energy_wh[:, :-1]
        member = stretch.present & (energy_wh > self.floor_wh)
        runs = in_long_runs(member, at_least=self.count, same_as_before=same)
        return [Suspects(runs, "3.6.0")]
