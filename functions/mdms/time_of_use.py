"""Time-of-use periods: which one an interval is of, by the local time at which it starts.

Local, so that a peak from 17:00 is at 17:00 in summer and in winter; a day on which clocks change
has an hour less or more of whatever period that hour is in.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from functions.mdms.period_query import BadPeriod
from storage.model.runs import DAY_S

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday")
MOST_WINDOWS: Final = 48
NONE: Final = -1
_WINDOW = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9-]{0,31}),(?P<days>[a-z+-]+),"
    r"(?P<begin>[0-2]\d:[0-5]\d)-(?P<end>[0-2]\d:[0-5]\d)"
)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_DAY_MIN: Final = 24 * 60
# Clocks change on quarters of an hour, and no interval that is longer divides a day otherwise.
_OFFSET_STEP_S: Final = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """`period` holds on `days` (0 = Monday, 7 = a holiday) from `begin_min` up to `end_min`."""

    period: str
    days: frozenset[int]
    begin_min: int
    end_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOfUse:
    """The first window that holds decides; where none does, it is period `otherwise`.

    On a holiday only windows of `holiday` hold.
    """

    windows: tuple[Window, ...]
    otherwise: str
    holidays: frozenset[date]
    zone: ZoneInfo

    @property
    def periods(self) -> list[str]:
        """Names of the periods, in the order in which they were said."""
        return list(dict.fromkeys([*(one.period for one in self.windows), self.otherwise]))

    def classes(
        self, interval_s: int, *, begin_s: int, end_s: int, days: range
    ) -> NDArray[np.int8]:
        """The index in `periods` of each slot of each of `days` (UTC): (days, slots).

        `NONE` for slots that do not start in `[begin_s, end_s)`.
        """
        slots = DAY_S // interval_s
        start_s = days[0] * DAY_S + np.arange(len(days) * slots, dtype=np.int64) * interval_s
        found = np.full(len(start_s), NONE, dtype=np.int8)
        within = np.flatnonzero((start_s >= begin_s) & (start_s < end_s))
        local_s = start_s[within] + self._offsets(start_s[within])
        minute = local_s % DAY_S // 60
        weekday = self._weekdays(local_s // DAY_S)
        names = self.periods
        chosen = np.full(len(within), names.index(self.otherwise), dtype=np.int8)
        for window in reversed(self.windows):
            holds = np.isin(weekday, list(window.days))
            holds &= (minute >= window.begin_min) & (minute < window.end_min)
            chosen[holds] = names.index(window.period)
        found[within] = chosen
        return found.reshape(len(days), slots)

    def _offsets(self, at_s: NDArray[np.int64]) -> NDArray[np.int64]:
        """Seconds that local time is ahead of UTC at each instant."""
        steps, index = np.unique(at_s // _OFFSET_STEP_S, return_inverse=True)
        offsets = [
            datetime.fromtimestamp(step * _OFFSET_STEP_S, UTC).astimezone(self.zone).utcoffset()
            for step in steps.tolist()
        ]
        seconds = [0 if one is None else int(one.total_seconds()) for one in offsets]
        return np.array(seconds, dtype=np.int64)[index]

    def _weekdays(self, local_day: NDArray[np.int64]) -> NDArray[np.int64]:
        # 1970-01-01 was a Thursday.
        found = (local_day + 3) % 7
        if self.holidays:
            numbers = [(one - date(1970, 1, 1)) // timedelta(days=1) for one in self.holidays]
            found[np.isin(local_day, numbers)] = DAYS.index("holiday")
        return found


def read_time_of_use(
    windows: Sequence[str], *, otherwise: str, holidays: Sequence[date], zone: ZoneInfo
) -> TimeOfUse:
    """Read windows such as `peak,mon-fri,17:00-21:00` or `night,all,00:00-06:00`.

    Raises:
        BadPeriod: one cannot be read, or there are too many.
    """
    if len(windows) > MOST_WINDOWS:
        raise BadPeriod(f"{len(windows)} windows; at most {MOST_WINDOWS} are taken")
    if not _NAME.fullmatch(otherwise):
        raise BadPeriod(f"`otherwise`: {otherwise[:40]!r} is no name of a period")
    return TimeOfUse(
        windows=tuple(_read_window(text) for text in windows),
        otherwise=otherwise,
        holidays=frozenset(holidays),
        zone=zone,
    )


def _read_window(text: str) -> Window:
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise BadPeriod(
            f"`window`: {text[:80]!r} is not of the form peak,mon-fri,17:00-21:00 "
            "(name, days, local times)"
        )
    begin_min, end_min = _minute(match["begin"]), _minute(match["end"])
    if not begin_min < end_min <= _DAY_MIN:
        raise BadPeriod(
            f"`window`: {text[:80]!r} must end after it begins, at 24:00 at the latest; "
            "one over midnight is two"
        )
    return Window(
        period=match["name"],
        days=frozenset(_days(match["days"])),
        begin_min=begin_min,
        end_min=end_min,
    )


def _days(text: str) -> set[int]:
    if text == "all":
        return set(range(len(DAYS)))
    found: set[int] = set()
    for part in text.split("+"):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS[:7]):
            raise BadPeriod(f"`window`: {text[:40]!r}: days are {', '.join(DAYS)}, or all")
        begin = DAYS.index(first)
        end = DAYS.index(last) if dash else begin
        if end < begin or (dash and begin > 6):
            raise BadPeriod(f"`window`: {part!r} goes backwards: say sat+sun+mon")
        found |= set(range(begin, end + 1))
    return found


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
