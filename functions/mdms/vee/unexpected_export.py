"""Unexpected Export check: a service without generation feeds into the grid."""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.rule import Severity, Stretch, Suspects
from storage.model.quality import Quality

EXPORT_GROUP: Final = "2"
"""The C of an OBIS code A-B:C.D.E that counts active energy into the grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnexpectedExport:
    """More than `tolerance_wh` in an interval of an export register.

    For groups of meters that have no generation; so it is off unless a group names it. IEC 61968-9
    quality 3.5.256 (out of range).
    """

    name: ClassVar[str] = "unexpected-export"
    title: ClassVar[str] = "Export Where None Is Expected"
    severity: ClassVar[Severity] = Severity.WARNING
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
        """The present intervals above the tolerance, of registers that count export."""
        if stretch.register.partition(":")[2].partition(".")[0] != EXPORT_GROUP:
            return [Suspects(np.zeros_like(stretch.present), "3.5.256")]
        return [Suspects(stretch.present & (stretch.energy_wh > self.tolerance_wh), "3.5.256")]
