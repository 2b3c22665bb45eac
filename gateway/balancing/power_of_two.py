"""Two workers at random, and of them the one with fewer calls.

After M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE Transactions on
Parallel and Distributed Systems 12 (2001): nearly the spread of looking at all, at the cost of two.
"""

import random
from collections.abc import Sequence

from gateway.balancing.policy import Loaded, W, has_room, least_loaded_of


class PowerOfTwo:
    """Two choices; where both are full, the least loaded of all."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()

    def choose(self, workers: Sequence[W]) -> W | None:
        """Return the better of two with room, or any one with room."""
        if len(workers) < 2:
            return least_loaded_of(workers)
        one, other = self._chance.sample(workers, 2)
        better = one if one.in_flight <= other.in_flight else other
        return better if has_room(better) else least_loaded_of(workers)

    def finished(self, worker: Loaded, *, seconds: float) -> None:
        """Learn nothing."""
