"""Keeps the lab's processes running: starts them, restarts those that die, ends them in order."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from deploy.servers.failure import ServerFailure

logger = logging.getLogger(__name__)

LOOK_S = 0.1
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
# A process that lived this long did not fail to start: the next pause is the first again.
SETTLED_S = 10.0


class Process(Protocol):
    """What can be supervised."""

    name: str

    @property
    def pid(self) -> int | None:
        """The process id, or None when it does not run."""

    def alive(self) -> bool:
        """Tell whether it runs."""

    def launch(self) -> None:
        """Start it without waiting; ServerFailure when that is impossible."""

    def last_lines(self) -> list[str]:
        """Return the end of its log."""

    def stop(self) -> None:
        """End it in bounded time."""


@dataclass(slots=True)
class Watched:
    """A process and how its restarts go."""

    label: str
    process: Process
    restarts: int = 0
    pause_s: float = FIRST_PAUSE_S
    launched_at: float = field(default_factory=time.monotonic)
    due_at: float | None = None


class Supervisor:
    """Processes in order of their start; each group of `add` is ended together, last first."""

    def __init__(self) -> None:
        self._groups: list[list[Watched]] = []

    def add(self, group: Sequence[tuple[str, Process]]) -> None:
        """Launch a group of (label, process) on the calling thread and watch it from now on.

        The thread has to live as long as the processes: see `deploy.servers.leashed.launch`.
        """
        watched: list[Watched] = []
        self._groups.append(watched)
        for label, process in group:
            watched.append(Watched(label, process))
            process.launch()

    def watched(self) -> list[Watched]:
        """Return all processes in order of their start."""
        return [watched for group in self._groups for watched in group]

    def troubles(self) -> str:
        """Name the processes that died, each with the last line that it logged."""
        return "; ".join(
            f"{watched.label} died {watched.restarts} times: "
            + "".join(watched.process.last_lines()[-1:])
            for watched in self.watched()
            if watched.restarts
        )

    async def watch(self) -> None:
        """Restart what dies, with a growing pause, until cancelled."""
        while True:
            now = time.monotonic()
            for watched in self.watched():
                self._look(watched, now)
            await asyncio.sleep(LOOK_S)

    async def stop(self) -> None:
        """End all processes; to be called when `watch` has ended."""
        while self._groups:
            group = self._groups[-1]
            stops = [asyncio.to_thread(watched.process.stop) for watched in group]
            outcomes = await asyncio.gather(*stops, return_exceptions=True)
            for watched, outcome in zip(group, outcomes, strict=True):
                if isinstance(outcome, BaseException):
                    logger.error("could not stop %s", watched.label, exc_info=outcome)
            self._groups.pop()

    def _look(self, watched: Watched, now: float) -> None:
        if watched.process.alive():
            if now - watched.launched_at > SETTLED_S:
                watched.pause_s = FIRST_PAUSE_S
            return
        if watched.due_at is None:
            watched.due_at = now + watched.pause_s
            watched.pause_s = min(2 * watched.pause_s, LONGEST_PAUSE_S)
            logger.warning("%s ended", watched.label)
        if now < watched.due_at:
            return
        watched.due_at = None
        watched.launched_at = now
        watched.restarts += 1
        try:
            watched.process.launch()
        except (ServerFailure, OSError):
            logger.exception("could not restart %s", watched.label)
