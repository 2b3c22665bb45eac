"""A month of the bill: a calendar month in UTC, as every zone and every tenant counts it."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

_FORM: Final = re.compile(r"([0-9]{4})-([0-9]{2})")


class InvalidMonth(ValueError):
    """The text is no month; the message says why."""


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month, `first` its first day.

    UTC for all: a month is the same instants in every zone of a platform that spans time zones,
    has no hour twice or never, and days of it can be added up before anybody asks.
    """

    first: date

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Read `2026-11`.

        Raises:
            InvalidMonth: it is written otherwise, or there is no such month.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise InvalidMonth(f"a month is written as 2026-11, not {text[:20]!r}")
        try:
            month = cls(date(int(found[1]), int(found[2]), 1))
            _ = month.after
        except ValueError as error:
            raise InvalidMonth(f"there is no month {text}") from error
        return month

    @property
    def after(self) -> date:
        """The first day of the month after."""
        year, month = self.first.year, self.first.month
        return date(year + month // 12, month % 12 + 1, 1)

    @property
    def since(self) -> datetime:
        """The month's first instant."""
        return datetime(self.first.year, self.first.month, 1, tzinfo=UTC)

    @property
    def until(self) -> datetime:
        """The first instant that is no more of it."""
        return datetime(self.after.year, self.after.month, 1, tzinfo=UTC)

    def __str__(self) -> str:
        """As `2026-11`."""
        return f"{self.first:%Y-%m}"
