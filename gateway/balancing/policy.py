"""What a balancing policy is asked, and what it may look at."""

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Loaded(Protocol):
    """A worker as far as policies look: the calls it has, and how many it takes at a time."""

    @property
    def id(self) -> str:
        """Its name, never given again."""

    @property
    def in_flight(self) -> int:
        """Calls it has."""

    @property
    def concurrency(self) -> int:
        """Calls it takes at a time."""


W = TypeVar("W", bound=Loaded)


class Policy(Protocol):
    """Chooses a worker for each call of one function of one tenant; a fleet has its own."""

    def choose(self, workers: Sequence[W]) -> W | None:
        """Return one with room for a call; None if none has. Workers keep their order."""

    def finished(self, worker: Loaded, *, seconds: float) -> None:
        """Learn that a call ended after `seconds` at a worker, which still counts it."""


def has_room(worker: Loaded) -> bool:
    """Whether it takes one call more."""
    return worker.in_flight < worker.concurrency


def least_loaded_of(workers: Sequence[W], *, first: int = 0) -> W | None:
    """Return the one with the fewest calls among those with room; of equals the one at or after
    place `first`, counted round the end."""
    best: W | None = None
    count = len(workers)
    for place in range(count):
        worker = workers[(first + place) % count]
        if has_room(worker) and (best is None or worker.in_flight < best.in_flight):
            best = worker
    return best
