"""What a killed `up` left behind: its processes are ending on their own, or are made to."""

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from deploy.lab.failure import LabFailure
from deploy.lab.home import Home
from deploy.lab.reporting import Reporter

PAUSE_S = 0.05
# They were told to end when their owner died; what takes longer hangs on something that is gone.
ORDERLY_S = 5.0
KILLED_S = 10.0


class LeftoverRemains(LabFailure):
    """A process of an earlier lab does not end."""


async def end_leftovers(
    home: Home, *, reporter: Reporter, orderly_s: float = ORDERLY_S, killed_s: float = KILLED_S
) -> None:
    """Return when no process of an earlier lab holds a lock; the lab's own lock must be ours.

    Those that are not done after `orderly_s` are killed: whatever they hold is durable.

    Raises:
        LeftoverRemains: one is still there `killed_s` later.
    """
    held = _held(_locks(home))
    if not held:
        return
    reporter.step(f"waiting for {len(held)} processes that a killed lab left")
    held = await _wait(held, orderly_s)
    for lock in held:
        _kill_holder(lock)
    held = await _wait(held, killed_s)
    if held:
        names = ", ".join(str(lock) for lock in held)
        raise LeftoverRemains(f"processes of an earlier lab do not end; they hold {names}")


def _locks(home: Home) -> list[Path]:
    return [*home.locks.glob("*.lock"), *home.servers.glob("*/lock")]


async def _wait(held: list[Path], longest_s: float) -> list[Path]:
    deadline = time.monotonic() + longest_s
    while held and time.monotonic() < deadline:
        await asyncio.sleep(PAUSE_S)
        held = _held(held)
    return held


def _held(locks: Iterable[Path]) -> list[Path]:
    return [lock for lock in locks if _is_held(lock)]


def _is_held(path: Path) -> bool:
    lock = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _kill_holder(lock: Path) -> None:
    text = lock.read_text().strip()
    if not text.isdigit():
        return
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        process = psutil.Process(int(text))
        # A process that began after it was written down is a stranger with the same number.
        if process.create_time() <= lock.stat().st_mtime + 1.0:
            process.send_signal(signal.SIGKILL)
