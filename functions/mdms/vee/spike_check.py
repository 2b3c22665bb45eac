"""Interval Spike check: an interval far above its neighbours is suspect."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from functions.mdms.vee.rule import Severity, Stretch, Suspects
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class SpikeCheck:
    """Above `ratio` times the highest of `reach` neighbours on each side, and `floor_wh`.

    IEC 61968-9 quality 3.6.3 (above limit).
    """

    name: ClassVar[str] = "interval-spike"
    severity: ClassVar[Severity] = Severity.ERROR
    quality: ClassVar[Quality | None] = Quality.QUESTIONABLE

    ratio: float = 3.0
    reach: int = 4
    floor_wh: int = 500

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        if not self.ratio > 0 or not 1 <= self.reach <= 96 or self.floor_wh < 0:
            raise ValueError("`ratio` is above 0, `reach` 1 to 96, `floor_wh` not below 0")

    def suspects(self, stretch: Stretch) -> list[Suspects]:
        """Absent intervals neither spike nor excuse a neighbour; the gap rule has those alone."""
        known = np.where(stretch.present, stretch.energy_wh, -1)
        padded = np.pad(known, ((0, 0), (self.reach, self.reach)), constant_values=-1)
        windows = sliding_window_view(padded, self.reach, axis=1)
        slots = known.shape[1]
        # Before and after: the interval under test must not vouch for itself.
        before = windows[:, :slots].max(axis=2)
        after = windows[:, self.reach + 1 : self.reach + 1 + slots].max(axis=2)
        highest = np.maximum(before, after)
        mask: NDArray[np.bool_] = (
            stretch.present
            & (highest >= 0)
            & (stretch.energy_wh > self.floor_wh)
            & (stretch.energy_wh > self.ratio * highest)
        )
        return [Suspects(mask, "3.6.3")]
