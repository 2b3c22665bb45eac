"""Balancing by the modified honey bee colony optimisation, on measured finish times."""

import random
from collections import deque
from collections.abc import Sequence

from gateway.balancing.colony import Source, swarm
from gateway.balancing.policy import Loaded, W, has_room, least_loaded_of

SCOUTS = 2
THRESHOLD = 0.1
# So many calls are shared out ahead: more were planned on loads that are no longer so.
SWARM = 8
# Weight of a new measurement: the last ten or so calls count.
NEWEST = 0.2


class Mhbco:
    """Shares a few calls out ahead among the workers, and again when they are used up.

    A call that has been sent cannot be moved, so foragers move calls that are planned and not yet
    there. What a call takes a worker is its measured time over the calls the worker then had. A
    worker that nothing is known of is taken to be as fast as the fastest: so it is tried.
    """

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()
        self._service_s: dict[str, float] = {}
        self._planned: deque[str] = deque()
        self._planned_for: tuple[str, ...] = ()

    def choose(self, workers: Sequence[W]) -> W | None:
        """Return the worker of the next planned call that has room; None if none has any."""
        by_id = {worker.id: worker for worker in workers}
        ids = tuple(by_id)
        if ids != self._planned_for:
            self._planned_for = ids
            self._planned.clear()
            self._service_s = {one: s for one, s in self._service_s.items() if one in by_id}
        if not self._planned:
            self._plan(workers)
        while self._planned:
            worker = by_id[self._planned.popleft()]
            if has_room(worker):
                return worker
        return least_loaded_of(workers)

    def finished(self, worker: Loaded, *, seconds: float) -> None:
        """Learn what a call takes the worker."""
        measured = seconds / max(1, worker.in_flight)
        known = self._service_s.get(worker.id, measured)
        self._service_s[worker.id] = known + NEWEST * (measured - known)

    def _plan(self, workers: Sequence[Loaded]) -> None:
        fastest = min(self._service_s.values(), default=1.0)
        shared = swarm(
            sources=[
                Source(
                    load=worker.in_flight,
                    room=worker.concurrency - worker.in_flight,
                    service_s=self._service_s.get(worker.id, fastest),
                )
                for worker in workers
            ],
            bees=SWARM,
            scouts=SCOUTS,
            threshold=THRESHOLD,
            chance=self._chance,
        )
        planned = [
            worker.id for worker, bees in zip(workers, shared, strict=True) for _ in range(bees)
        ]
        # Mixed, so that one worker's calls do not come in a row.
        self._chance.shuffle(planned)
        self._planned.extend(planned)
