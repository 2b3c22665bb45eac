"""Usage on Inactive Meter check: a meter that the registry has out of use counts energy."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.rule import Severity, Stretch, Suspects
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class InactiveUsage:
    """More than `tolerance_wh` in an interval of a meter that is not active.

    IEC 61968-9 quality 3.6.2 (usage on inactive meter).
    """

    name: ClassVar[str] = "inactive-usage"
    title: ClassVar[str] = "Usage on Inactive Meter"
    severity: ClassVar[Severity] = Severity.ERROR
    quality: ClassVar[Quality | None] = Quality.QUESTIONABLE
    iec_codes: ClassVar[tuple[str, ...]] = ("3.6.2",)

    tolerance_wh: int = 0

    def neighbours(self, interval_s: int) -> int:
        """Each interval by itself."""
        return 0

    def concerns(self, stretch: Stretch) -> NDArray[np.bool_]:
        """Every value."""
        return stretch.present

    def suspects(self, stretch: Stretch) -> list[Suspects]:
        """The present intervals of inactive meters that are above the tolerance."""
        used = stretch.present & (stretch.energy_wh > self.tolerance_wh)
        return [Suspects(used & ~stretch.active[:, None], "3.6.2")]
