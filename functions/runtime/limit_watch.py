"""The zygote's watch over its workers' limits: what the kernel counts, which no worker can hide."""

import contextlib
import os
import signal
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final, Protocol, TypeVar

from functions.runtime.cgroups import Cgroups
from functions.runtime.protocol import Contained

LOOK_S: Final = 1.0
FULL: Final = 0.99
_ROUNDS: Final = 50
_ROUND_S: Final = 0.01


class Watched(Protocol):
    """A worker as the watch sees it."""

    @property
    def id(self) -> str:
        """Its name, and that of its group."""

    @property
    def pid(self) -> int:
        """Its process."""

    @property
    def held(self) -> Contained | None:
        """How it is held; None while it has not said so."""


W = TypeVar("W", bound=Watched)


class LimitWatch:
    """Knows which limit ended a worker, and clears away what it leaves behind."""

    def __init__(self, cgroups: Cgroups | None) -> None:
        self._cgroups = cgroups
        self._passed: dict[str, str] = {}
        self._left: set[str] = set()

    @property
    def left(self) -> bool:
        """Whether there is something of ended workers to clear away."""
        return bool(self._left)

    def over(self, workers: Iterable[W]) -> list[W]:
        """Return the workers that have passed a limit: they are to be killed."""
        self._clear()
        found: list[W] = []
        for worker in workers:
            passed = self._passed.get(worker.id) or self._limit(worker)
            if passed:
                self._passed[worker.id] = passed
                found.append(worker)
        return found

    def ended(self, worker: Watched) -> str:
        """Name the limit that a worker which was reaped had passed, empty for none.

        Whatever it started ends, too.
        """
        passed = self._passed.pop(worker.id, "") or self._group_limit(worker)
        if self._cgroups is not None and worker.held is not None and worker.held.grouped:
            self._cgroups.kill(worker.id)
            self._left.add(worker.id)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(worker.pid, signal.SIGKILL)
        self._clear()
        return passed

    def close(self) -> None:
        """Remove the groups; what was killed may take a moment to be gone."""
        if self._cgroups is not None:
            for _ in range(_ROUNDS):
                self._clear()
                if not self._left:
                    break
                time.sleep(_ROUND_S)
            self._cgroups.close()

    def _limit(self, worker: Watched) -> str:
        if passed := self._group_limit(worker):
            return passed
        if worker.held is None or not worker.held.disk:
            return ""
        try:
            # As the worker sees it: its mounts are its own.
            disk = os.statvfs(f"/proc/{worker.pid}/root{worker.held.disk}")
        except OSError:
            return ""
        used = disk.f_blocks - disk.f_bfree
        files = disk.f_files - disk.f_ffree
        full = used >= disk.f_blocks * FULL or files >= disk.f_files * FULL
        return "disk-limit" if full else ""

    def _group_limit(self, worker: Watched) -> str:
        if self._cgroups is None or worker.held is None or not worker.held.grouped:
            return ""
        return self._cgroups.passed(worker.id)

    def _clear(self) -> None:
        """Kill what is left in the groups of ended workers, and remove them."""
        if self._cgroups is not None:
            for name in list(self._left):
                if self._cgroups.remove(name):
                    self._left.discard(name)
                else:
                    self._cgroups.kill(name)


def end_orphans(workers: Collection[int], *, others: Collection[int]) -> None:
    """End adopted children that are in no session of `workers`, and reap those that have ended.

    `workers` are the pids of living workers, each the leader of a session; `others` those of other
    children of this process. For machines without control groups, where nothing else finds them.
    """
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    try:
        adopted = {int(pid) for pid in children.read_text().split()} - {*workers, *others}
    except OSError:
        return
    for pid in adopted:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            if os.getsid(pid) not in workers:
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, os.WNOHANG)
