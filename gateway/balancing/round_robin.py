"""Each worker in its turn, whatever it has to do."""

from collections.abc import Sequence

from gateway.balancing.policy import Loaded, W, has_room


class RoundRobin:
    """Workers one after the other; a full one is passed over."""

    def __init__(self) -> None:
        self._turn = -1

    def choose(self, workers: Sequence[W]) -> W | None:
        """Return the next one with room."""
        count = len(workers)
        for step in range(1, count + 1):
            place = (self._turn + step) % count
            if has_room(workers[place]):
                self._turn = place
                return workers[place]
        return None

    def finished(self, worker: Loaded, *, seconds: float) -> None:
        """Learn nothing."""
