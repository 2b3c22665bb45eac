"""Duplicate Interval check: one interval that was said several times, with different values."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.rule import Severity, Stretch, Suspects
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateInterval:
    """A value that has outlived at least `versions` others.

    The same value again is no version: it is answered `duplicate` and changes nothing.
    IEC 61968-9 quality 3.6.0 (failed validation, generic).
    """

    name: ClassVar[str] = "duplicate-interval"
    title: ClassVar[str] = "Duplicate Interval"
    severity: ClassVar[Severity] = Severity.WARNING
    quality: ClassVar[Quality | None] = Quality.QUESTIONABLE
    iec_codes: ClassVar[tuple[str, ...]] = ("3.6.0",)

    versions: int = 3

    def __post_init__(self) -> None:
        """Refuse a number that is none."""
        if not 1 <= self.versions <= 65_535:
            raise ValueError("`versions` is 1 to 65535")

    def neighbours(self, interval_s: int) -> int:
        """Each interval by itself."""
        return 0

    def concerns(self, stretch: Stretch) -> NDArray[np.bool_]:
        """Every value."""
        return stretch.present

    def suspects(self, stretch: Stretch) -> list[Suspects]:
        """The present intervals with that many versions behind them."""
        if stretch.versions is None:
            return [Suspects(np.zeros_like(stretch.present), "3.6.0")]
        return [Suspects(stretch.present & (stretch.versions >= self.versions), "3.6.0")]
