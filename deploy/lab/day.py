"""Which past UTC days a run replays: each takes the next ones, so that no two runs share one."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import msgspec

from storage.platform.snapshot import write_private

FIRST_DAY = date(2026, 1, 1)
# The platform refuses readings that are too old; there is room for days before the first one.
OLDEST = timedelta(days=700)


class _Taken(msgspec.Struct, frozen=True):
    first: date
    last: date


def take_days(path: Path, *, days: int, today: date) -> date:
    """Record the next `days` days in `path` and return the first of them.

    They follow the days taken before; when the calendar has not that many ahead that are over,
    they go before them. Days count as taken before anything is sent.
    """
    with _held(path.with_name(path.name + ".lock")):
        try:
            taken = msgspec.json.decode(path.read_bytes(), type=_Taken)
        except FileNotFoundError:
            first = max(min(FIRST_DAY, today - timedelta(days=days)), today - OLDEST)
            taken = _Taken(first, first + timedelta(days=days - 1))
        else:
            first = taken.last + timedelta(days=1)
            last = taken.last + timedelta(days=days)
            if last < today:
                taken = _Taken(taken.first, last)
            else:
                first = taken.first - timedelta(days=days)
                taken = _Taken(first, taken.last)
        write_private(path, msgspec.json.encode(taken))
        return first


def widen_days(path: Path, *, first: date, last: date) -> None:
    """Count the days from `first` to `last` as taken, too."""
    with _held(path.with_name(path.name + ".lock")):
        try:
            taken = msgspec.json.decode(path.read_bytes(), type=_Taken)
        except FileNotFoundError:
            taken = _Taken(first, last)
        taken = _Taken(min(taken.first, first), max(taken.last, last))
        write_private(path, msgspec.json.encode(taken))


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Loads may start side by side; the lock is gone with its holder."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
