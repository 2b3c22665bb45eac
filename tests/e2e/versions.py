"""A reading's place, the values it was given, and the rule that says which of them counts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

REGISTER = "1-0:1.8.0"
INTERVAL_S = 900
DAY_S = 86_400
# Days that are over, and that no tenant's limit on late readings has reached.
FIRST_DAY = int(datetime.now(UTC).timestamp()) // DAY_S - 400

ESTIMATED, ACTUAL, EDITED = 0, 1, 2
_CLASS = {7: EDITED, 8: ESTIMATED, 9: ESTIMATED}


class Slot(NamedTuple):
    """A reading's identity: the interval from `start_s` (seconds since 1970) on.

    Of a register read `interval_s` is 0 and `start_s` its instant.
    """

    tenant: str
    meter: str
    start_s: int
    interval_s: int = INTERVAL_S

    @property
    def is_event(self) -> bool:
        """Whether the platform has to keep it by its instant: it is on no grid."""
        return self.interval_s == 0 or self.start_s % self.interval_s != 0


class Version(NamedTuple):
    """A value that a slot was given, with its QualityOfReading."""

    value: int
    quality: int

    @property
    def rank(self) -> int:
        """Its class: an edited value beats an actual one, that one an estimate."""
        return _CLASS.get(self.quality, ACTUAL)


def instant(at_s: int) -> str:
    """RFC 3339 text of seconds since 1970."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def final(given: Sequence[Version]) -> Version:
    """The value that counts: the latest of the highest class. `given` is in order of arrival."""
    highest = max(version.rank for version in given)
    return [version for version in given if version.rank == highest][-1]


def raw(given: Sequence[Version]) -> int | None:
    """The latest value that was metered, None when there is none."""
    actual = [version.value for version in given if version.rank == ACTUAL]
    return actual[-1] if actual else None
