"""Hours, days and months of a time zone as bounds in UTC: days have 23, 24 or 25 hours."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from functions.mdms.period_query import BadPeriod

DAY_S: Final = 86_400
SHORTEST_S: Final = 300
_LAST_S: Final = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())
Step = int | Literal["day", "month"]


def read_step(text: str) -> Step:
    """Read `day`, `month` or a number of seconds.

    Raises:
        BadPeriod: neither, or seconds that do not divide a day of 24 hours evenly.
    """
    if text in ("day", "month"):
        return "day" if text == "day" else "month"
    if text.isascii() and text.isdigit() and len(text) <= 5:
        seconds = int(text)
        if SHORTEST_S <= seconds < DAY_S and DAY_S % seconds == 0:
            return seconds
    raise BadPeriod(
        f"`resample` is `day`, `month`, or seconds from {SHORTEST_S} that divide a day evenly"
    )


def zone_named(name: str) -> ZoneInfo:
    """The IANA zone of that name.

    Raises:
        BadPeriod: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadPeriod(f"{name[:64]!r} is no IANA time zone") from error


def bucket_bounds(*, begin_s: int, end_s: int, step: Step, zone: ZoneInfo) -> NDArray[np.int64]:
    """Bounds of B buckets that cover `[begin_s, end_s)`, in seconds since 1970: (B + 1,).

    Days and months begin at midnight in `zone`; steps of seconds are counted from it, so that
    the last one of a day may be short. The first and the last bucket end with the period.

    Raises:
        BadPeriod: it ends beyond the calendar.
    """
    if end_s > _LAST_S:
        raise BadPeriod("`to` must be before the year 9999")
    first = datetime.fromtimestamp(begin_s, zone).date()
    last = datetime.fromtimestamp(end_s, zone).date()
    inner: list[int] = []
    for at, until in _days(first, last, step, zone):
        inner.extend(range(at, until, step) if isinstance(step, int) else (at,))
    within = [at for at in inner if begin_s < at < end_s]
    return np.array([begin_s, *within, end_s], dtype=np.int64)


def _days(first: date, last: date, step: Step, zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    """The first instant of each day or month from `first` to `last`, and of the next day."""
    day = first.replace(day=1) if step == "month" else first
    while day <= last:
        tomorrow = day + timedelta(days=1)
        yield _midnight(day, zone), _midnight(tomorrow, zone)
        day = (day + timedelta(days=31)).replace(day=1) if step == "month" else tomorrow


def _midnight(day: date, zone: ZoneInfo) -> int:
    # Where clocks skip midnight, this is the instant at which they do.
    local = datetime(day.year, day.month, day.day, tzinfo=zone)
    return int(local.astimezone(UTC).timestamp())
