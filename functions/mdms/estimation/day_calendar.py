"""Local days as estimation sees them: places on the wall clock, and kinds of days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

DAY_S: Final = 86_400
# No zone changes its offset more often than this.
_SAME_OFFSET_S: Final = 900
_WORKDAY: Final = 7
_HOLIDAY: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCalendar:
    """Where S consecutive intervals lie in local days; every column is (S,).

    `day` counts local days since 1970, `slot` is the place of the interval's start on the wall
    clock, from 0 to 86,400 / length - 1: in a night when clocks go back a place comes twice.
    `kind` is equal for days that are alike.
    """

    day: NDArray[np.int64]
    slot: NDArray[np.int64]
    kind: NDArray[np.int64]


def day_calendar(
    *,
    first: int,
    count: int,
    interval_s: int,
    zone: ZoneInfo,
    weekend: frozenset[int] = frozenset({5, 6}),
    holidays: frozenset[date] = frozenset(),
) -> DayCalendar:
    """Lay out the `count` intervals from number `first` (in lengths since 1970) on.

    `weekend` are days of the week, Monday 0; each of them is alike itself only, the working days
    are alike, and so are the `holidays` (local dates).
    """
    start_s = (first + np.arange(count, dtype=np.int64)) * interval_s
    local_s = start_s + _offsets(start_s, zone)
    day, second = np.divmod(local_s, DAY_S)
    weekday = (day + 3) % 7
    kind = np.where(np.isin(weekday, list(weekend)), weekday, _WORKDAY)
    if holidays:
        free = [(one - date(1970, 1, 1)).days for one in holidays]
        kind = np.where(np.isin(day, free), _HOLIDAY, kind)
    return DayCalendar(day=day, slot=second // interval_s, kind=kind)


def _offsets(start_s: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.int64]:
    """Seconds that the zone's clock is ahead of UTC at each instant."""
    parts, of_part = np.unique(start_s // _SAME_OFFSET_S, return_inverse=True)
    ahead = []
    for part in parts.tolist():
        offset = datetime.fromtimestamp(part * _SAME_OFFSET_S, UTC).astimezone(zone).utcoffset()
        ahead.append(0 if offset is None else int(offset.total_seconds()))
    found: NDArray[np.int64] = np.array(ahead, dtype=np.int64)[of_part]
    return found
