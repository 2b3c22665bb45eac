"""One lab at a time in a state folder, and who it is."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.lab.failure import LabFailure

NAME = "lab.lock"


class LabIsRunning(LabFailure):
    """Another `up` holds the lab."""


@contextmanager
def hold_lab(state: Path) -> Iterator[None]:
    """Hold the lab of `state` for the length of a `with` block.

    Raises:
        LabIsRunning: somebody else holds it.
    """
    lock = os.open(state / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabIsRunning(
                f"this lab is already running (process {_read_pid(lock)}): "
                "`gridfaas status` shows it, `gridfaas down` ends it"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
        os.ftruncate(lock, 0)
    finally:
        os.close(lock)


def running_lab(state: Path) -> int | None:
    """Return the process id of the `up` that holds the lab, or None when nobody does."""
    with suppress(FileNotFoundError):
        lock = os.open(state / NAME, os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_pid(lock)
        finally:
            os.close(lock)
    return None


def _read_pid(lock: int) -> int | None:
    text = os.pread(lock, 32, 0).decode(errors="replace").strip()
    return int(text) if text.isdigit() else None
