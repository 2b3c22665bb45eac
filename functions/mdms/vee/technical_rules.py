"""Technical validation as a rule group sees it: what the first hop refuses, and what may be off."""

from dataclasses import dataclass
from typing import ClassVar, Final

from functions.mdms.vee.rule import Severity
from storage.model.quality import Quality


class TechnicalRule:
    """What the first hop does not store; the reading's answer names it as its `reason`."""

    name: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity] = Severity.ERROR
    quality: ClassVar[Quality | None] = None
    iec_codes: ClassVar[tuple[str, ...]] = ()
    switchable: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FutureTimestamp(TechnicalRule):
    """The interval ends more than `ahead_s` after now."""

    name: ClassVar[str] = "future"
    title: ClassVar[str] = "Future Timestamp"
    iec_codes: ClassVar[tuple[str, ...]] = ("3.5.256",)

    ahead_s: int = 300

    def __post_init__(self) -> None:
        """Refuse an allowance that is none."""
        if not 0 <= self.ahead_s <= 86_400:
            raise ValueError("`ahead_s` is 0 to 86400")


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleTimestamp(TechnicalRule):
    """The reading is older than `days`."""

    name: ClassVar[str] = "stale"
    title: ClassVar[str] = "Stale Timestamp"
    iec_codes: ClassVar[tuple[str, ...]] = ("3.5.256",)

    days: int = 1_100

    def __post_init__(self) -> None:
        """Refuse an age that is none."""
        if not 1 <= self.days <= 36_500:
            raise ValueError("`days` is 1 to 36500")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseNegative(TechnicalRule):
    """Negative energy of a register that counts one direction."""

    name: ClassVar[str] = "negative-consumption"
    title: ClassVar[str] = "Negative Consumption at the first hop"
    iec_codes: ClassVar[tuple[str, ...]] = ("3.5.256",)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseBeyondDials(TechnicalRule):
    """A register read of more digits than the meter has dials."""

    name: ClassVar[str] = "beyond-dials"
    title: ClassVar[str] = "Register Beyond Dials"
    iec_codes: ClassVar[tuple[str, ...]] = ("3.5.256",)


SWITCHABLE: Final[tuple[type[TechnicalRule], ...]] = (
    FutureTimestamp,
    StaleTimestamp,
    RefuseNegative,
    RefuseBeyondDials,
)
ALWAYS_ON: Final = {
    "unknown-meter": "Unknown Meter",
    "unknown-register": "Unknown Register",
    "interval-size": "Interval Size",
    "sub-second": "Instant of Whole Seconds",
    "value-range": "Value Range",
    "unknown-quality": "Unknown Quality",
    "duplicate": "Duplicate Reading",
}
"""Without these a reading has no place where it could be stored, or it is there already."""
