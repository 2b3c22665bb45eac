"""Missing Interval check: an interval that has ended without a value is a gap."""

from dataclasses import dataclass
from typing import ClassVar

from functions.mdms.vee.rule import Severity, Stretch, Suspects
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class GapCheck:
    """IEC 61968-9 quality 3.5.259 (missing). A gap has no value that could have a quality."""

    name: ClassVar[str] = "missing-interval"
    severity: ClassVar[Severity] = Severity.ERROR
    quality: ClassVar[Quality | None] = None

    def suspects(self, stretch: Stretch) -> list[Suspects]:
        """The absent intervals of active meters: one out of use owes nobody a value."""
        return [Suspects(~stretch.present & stretch.active[:, None], "3.5.259")]
