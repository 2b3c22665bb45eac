"""Missing Interval check: an interval that somebody waits for and has not come is a gap."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.rule import Severity, Stretch, Suspects
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class GapCheck:
    """IEC 61968-9 quality 3.5.259 (missing). A gap has no value that could have a quality.

    Of what passes a zone, an interval is waited for until `grace_s` after its end by the newest
    data of the zone, if its meter had a value in the `within_days` before.
    """

    name: ClassVar[str] = "missing-interval"
    title: ClassVar[str] = "Missing Interval (gap)"
    severity: ClassVar[Severity] = Severity.ERROR
    quality: ClassVar[Quality | None] = None
    iec_codes: ClassVar[tuple[str, ...]] = ("3.5.259",)

    grace_s: int = 3_600
    within_days: int = 7

    def __post_init__(self) -> None:
        """Refuse waits that mean nothing."""
        if not 0 <= self.grace_s <= 30 * 86_400 or not 1 <= self.within_days <= 35:
            raise ValueError("`grace_s` is 0 to 2592000, `within_days` 1 to 35")

    def neighbours(self, interval_s: int) -> int:
        """Each interval by itself."""
        return 0

    def concerns(self, stretch: Stretch) -> NDArray[np.bool_]:
        """Every missing one."""
        return ~stretch.present

    def suspects(self, stretch: Stretch) -> list[Suspects]:
        """The absent intervals of active meters: one out of use owes nobody a value."""
        gaps = ~stretch.present & stretch.active[:, None]
        if stretch.expected is not None:
            gaps &= stretch.expected
        return [Suspects(gaps, "3.5.259")]
