"""Histories of one or more meters, written as a metering engineer would read them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from functions.mdms.estimation.day_calendar import day_calendar
from functions.mdms.estimation.method import History

Row = tuple[int | None, ...]


def history(
    *rows: Row,
    interval_s: int = 900,
    start: str = "2026-01-05T00:00:00",
    zone: str = "UTC",
) -> History:
    """Intervals from `start` (UTC) on; None is a gap, and every gap is wanted."""
    first = int(datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp()) // interval_s
    known = np.array([[value is not None for value in row] for row in rows])
    calendar = day_calendar(
        first=first, count=len(rows[0]), interval_s=interval_s, zone=ZoneInfo(zone)
    )
    return History(
        energy_wh=np.array([[value or 0 for value in row] for row in rows], dtype=np.int64),
        known=known,
        wanted=~known,
        interval_s=interval_s,
        calendar=calendar,
    )
