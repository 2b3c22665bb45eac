"""Negative Consumption check: a register that counts one direction cannot count backwards."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.rule import Severity, Stretch, Suspects
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class NegativeConsumption:
    """Less than `-tolerance_wh` in an interval. IEC 61968-9 quality 3.5.256 (out of range)."""

    name: ClassVar[str] = "negative-interval"
    title: ClassVar[str] = "Negative Consumption"
    severity: ClassVar[Severity] = Severity.ERROR
    quality: ClassVar[Quality | None] = Quality.QUESTIONABLE
    iec_codes: ClassVar[tuple[str, ...]] = ("3.5.256",)

    tolerance_wh: int = 0

    def __post_init__(self) -> None:
        """Refuse a tolerance that is none."""
        if self.tolerance_wh < 0:
            raise ValueError("`tolerance_wh` is not below 0")

    def neighbours(self, interval_s: int) -> int:
        """Each interval by itself."""
        return 0

    def concerns(self, stretch: Stretch) -> NDArray[np.bool_]:
        """Every value."""
        return stretch.present

    def suspects(self, stretch: Stretch) -> list[Suspects]:
        """The present intervals below the tolerance."""
        return [Suspects(stretch.present & (stretch.energy_wh < -self.tolerance_wh), "3.5.256")]
