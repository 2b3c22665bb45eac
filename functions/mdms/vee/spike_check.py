"""Interval Spike check: an interval far above its neighbours is suspect."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.rule import Severity, Stretch, Suspects
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class SpikeCheck:
    """Above `ratio` times the highest of `reach` neighbours on each side, and `floor_wh`.

    IEC 61968-9 quality 3.6.3 (above limit).
    """

    name: ClassVar[str] = "interval-spike"
    title: ClassVar[str] = "Interval Spike Check"
    severity: ClassVar[Severity] = Severity.ERROR
    quality: ClassVar[Quality | None] = Quality.QUESTIONABLE
    iec_codes: ClassVar[tuple[str, ...]] = ("3.6.3",)

    ratio: float = 3.0
    reach: int = 4
    floor_wh: int = 500

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        if not self.ratio > 0 or not 1 <= self.reach <= 96 or self.floor_wh < 0:
            raise ValueError("`ratio` is above 0, `reach` 1 to 96, `floor_wh` not below 0")

    def neighbours(self, interval_s: int) -> int:
        """Those that it is compared with."""
        return self.reach

    def concerns(self, stretch: Stretch) -> NDArray[np.bool_]:
        """Every value."""
        return stretch.present

    def suspects(self, stretch: Stretch) -> list[Suspects]:
        """Absent intervals neither spike nor excuse a neighbour; the gap rule has those alone."""
        mask: NDArray[np.bool_] = stretch.present & (stretch.energy_wh > self.floor_wh)
        # Few meters have anything above the floor: the others need no neighbours.
        rows = np.flatnonzero(mask.any(axis=1))
        if len(rows):
            energy_wh, present = stretch.energy_wh[rows], stretch.present[rows]
            known = np.where(present, energy_wh, -1)
            padded = np.pad(known, ((0, 0), (self.reach, self.reach)), constant_values=-1)
            highest_of = _highest(padded, self.reach)
            slots = known.shape[1]
            # Before and after: the interval under test must not vouch for itself.
            before = highest_of[:, :slots]
            after = highest_of[:, self.reach + 1 : self.reach + 1 + slots]
            highest = np.maximum(before, after)
            mask[rows] &= (highest >= 0) & (energy_wh > self.ratio * highest)
        return [Suspects(mask, "3.6.3")]


def _highest(values: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """The highest of the `width` values from each one on, by widths that double."""
    found, reached = values, 1
    while reached < width:
        step = min(reached, width - reached)
        found = np.maximum(found[:, :-step], found[:, step:])
        reached += step
    return found
