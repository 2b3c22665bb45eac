"""Which frozen containers are kept: few in all, none for long, none that nobody can want."""

from collections.abc import Callable, Iterable

from zones.providers.docker.facts import Kind
from zones.providers.docker.worker import ContainedWorker


class Sleepers:
    """Frozen containers of one zone, at most `bound`, each for `keep_s` at most.

    One belongs to the tenant, function and version it was made for, and is only ever handed
    back to them.
    """

    def __init__(self, *, bound: int, keep_s: float) -> None:
        self._bound = bound
        self._keep_s = keep_s
        self._asleep: dict[str, ContainedWorker] = {}

    @property
    def room(self) -> bool:
        """Whether any may be kept at all."""
        return self._bound > 0

    def __len__(self) -> int:
        return len(self._asleep)

    def add(self, worker: ContainedWorker, *, now: float) -> list[ContainedWorker]:
        """Keep one more; return those that slept longest and have to go for it."""
        worker.since = now
        self._asleep[worker.id] = worker
        excess = len(self._asleep) - self._bound
        oldest = sorted(self._asleep.values(), key=lambda one: one.since)[: max(0, excess)]
        return self._out(oldest)

    def take(self, kind: Kind) -> ContainedWorker | None:
        """Return the one of `kind` that slept least, and keep it no longer."""
        fitting = [one for one in self._asleep.values() if one.kind == kind]
        if not fitting:
            return None
        worker = max(fitting, key=lambda one: one.since)
        del self._asleep[worker.id]
        return worker

    def forget(self, worker: ContainedWorker) -> None:
        """It ended while it was frozen."""
        self._asleep.pop(worker.id, None)

    def outdated(self, kind: Kind) -> list[ContainedWorker]:
        """Return those of the same tenant and function that a launch of `kind` made useless."""
        return self._out(
            one
            for one in self._asleep.values()
            if (one.kind.tenant, one.kind.function) == (kind.tenant, kind.function)
            and one.kind != kind
        )

    def due(self, *, now: float, wanted: Callable[[Kind], bool]) -> list[ContainedWorker]:
        """Return those that slept for too long, or whose version is no longer the zone's."""
        return self._out(
            one
            for one in self._asleep.values()
            if now - one.since >= self._keep_s or not wanted(one.kind)
        )

    def _out(self, workers: Iterable[ContainedWorker]) -> list[ContainedWorker]:
        going = list(workers)
        for worker in going:
            del self._asleep[worker.id]
        return going
