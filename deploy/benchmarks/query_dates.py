"""The days that queries are measured on."""

from dataclasses import dataclass
from datetime import UTC, datetime

from deploy.benchmarks.step import DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """Days (UTC, since 1970): a month that is over, and one a year before its last."""

    first: int
    days: int

    @property
    def bounds(self) -> tuple[int, int]:
        """The month in seconds since 1970."""
        return self.first * DAY_S, (self.first + self.days) * DAY_S

    @property
    def a_year_ago(self) -> int:
        """The day of a cold read."""
        return self.first + self.days - 1 - 365


def instant_text(second: int) -> str:
    """A second since 1970 as a query has it."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
