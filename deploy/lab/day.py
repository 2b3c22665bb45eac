"""Which past UTC day a run replays: each takes the next, so that no two runs share one."""

from datetime import date, timedelta
from pathlib import Path

import msgspec

from storage.platform.snapshot import write_private

FIRST_DAY = date(2026, 1, 1)


class _Taken(msgspec.Struct, frozen=True):
    first: date
    last: date


def take_day(path: Path, *, today: date) -> date:
    """Record in `path` and return the next day: after the last one, or before the first one.

    The emulator replays days that are over; when the calendar has no more of them ahead, the runs
    go on into the past. A day counts as taken before anything is sent.
    """
    try:
        taken = msgspec.json.decode(path.read_bytes(), type=_Taken)
    except FileNotFoundError:
        day = min(FIRST_DAY, today - timedelta(days=1))
        taken = _Taken(day, day)
    else:
        day = taken.last + timedelta(days=1)
        if day < today:
            taken = _Taken(taken.first, day)
        else:
            day = taken.first - timedelta(days=1)
            taken = _Taken(day, taken.last)
    write_private(path, msgspec.json.encode(taken))
    return day
