"""High/Low check: an interval outside of what the service can carry or must use."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.rule import Severity, Stretch, Suspects
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class HighLowCheck:
    """Mean power above `high_w` or below `low_w` (W), whatever the interval's length.

    IEC 61968-9 quality 3.6.3 (above limit) and 3.6.4 (below limit).
    """

    name: ClassVar[str] = "high-low"
    title: ClassVar[str] = "High/Low Check"
    severity: ClassVar[Severity] = Severity.ERROR
    quality: ClassVar[Quality | None] = Quality.QUESTIONABLE
    iec_codes: ClassVar[tuple[str, ...]] = ("3.6.3", "3.6.4")

    high_w: int = 50_000
    low_w: int = 0

    def __post_init__(self) -> None:
        """Refuse limits that leave nothing between them."""
        if self.low_w > self.high_w:
            raise ValueError("`low_w` is above `high_w`")

    def neighbours(self, interval_s: int) -> int:
        """Each interval by itself."""
        return 0

    def concerns(self, stretch: Stretch) -> NDArray[np.bool_]:
        """Every value."""
        return stretch.present

    def suspects(self, stretch: Stretch) -> list[Suspects]:
        """The present intervals above and below."""
        watt_seconds = stretch.energy_wh * 3_600
        high, low = self.high_w * stretch.interval_s, self.low_w * stretch.interval_s
        return [
            Suspects(stretch.present & (watt_seconds > high), "3.6.3"),
            Suspects(stretch.present & (watt_seconds < low), "3.6.4"),
        ]
