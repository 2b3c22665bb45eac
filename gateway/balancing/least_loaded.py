"""The worker with the fewest calls in flight."""

from collections.abc import Sequence

from gateway.balancing.policy import Loaded, W, least_loaded_of


class LeastLoaded:
    """Fewest calls first; equally loaded workers take turns."""

    def __init__(self) -> None:
        self._turn = -1

    def choose(self, workers: Sequence[W]) -> W | None:
        """Return the least loaded one with room."""
        if not workers:
            return None
        self._turn = (self._turn + 1) % len(workers)
        return least_loaded_of(workers, first=self._turn)

    def finished(self, worker: Loaded, *, seconds: float) -> None:
        """Learn nothing."""
