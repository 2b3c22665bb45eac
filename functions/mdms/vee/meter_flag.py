"""Meter Status Flag: the meter itself doubts a value, as one whose clock was wrong or changed."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.rule import Severity, Stretch, Suspects
from storage.model.quality import Quality

CLOCK_CHANGED = "1.4.9"
POWER_FAIL = "1.2.32"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterFlag:
    """A value that was sent with quality 10, questionable; nobody else writes that quality.

    The wire has Green Button numbers and none for the reason. `iec_code` is what the group's meters
    and head-ends mean: IEC 61968-9 quality 1.4.9 (clock changed) or 1.2.32 (power fail).
    """

    name: ClassVar[str] = "meter-flag"
    title: ClassVar[str] = "Meter Status Flag"
    severity: ClassVar[Severity] = Severity.WARNING
    quality: ClassVar[Quality | None] = Quality.QUESTIONABLE
    iec_codes: ClassVar[tuple[str, ...]] = (CLOCK_CHANGED, POWER_FAIL)

    iec_code: Literal["1.4.9", "1.2.32"] = "1.4.9"

    def neighbours(self, interval_s: int) -> int:
        """Each interval by itself."""
        return 0

    def concerns(self, stretch: Stretch) -> NDArray[np.bool_]:
        """Every value."""
        return stretch.present

    def suspects(self, stretch: Stretch) -> list[Suspects]:
        """The present intervals that are flagged."""
        if stretch.flagged is None:
            return [Suspects(np.zeros_like(stretch.present), self.iec_code)]
        return [Suspects(stretch.present & stretch.flagged, self.iec_code)]
