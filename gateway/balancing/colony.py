"""The modified honey bee colony optimisation (MHBCO), as rules without a clock or a network.

Calls are bees and workers are food sources. A source's fitness is when a call would finish there:
the calls it has, times what one call takes it (measured). Scouts look at some sources and lead the
bees to the one that would finish first; foragers then move bees from the most loaded source to the
least loaded one, until the spread of load is within a threshold or no move makes it smaller.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A worker: `load` calls that it has, room for `room` more, `service_s` seconds for one."""

    load: int
    room: int
    service_s: float

    def finish_s(self, bees: int) -> float:
        """Seconds until all is done with `bees` more calls; calls of one worker share its time."""
        return (self.load + bees) * self.service_s


def swarm(
    *,
    sources: Sequence[Source],
    bees: int,
    scouts: int,
    threshold: float,
    chance: random.Random,
) -> list[int]:
    """Share `bees` calls out among the sources; returns how many each one gets.

    At most the free room of all is shared out. `scouts` is how many sources are looked at for each
    bee, `threshold` the spread (see `spread`) at which foragers rest.
    """
    shared = _scouted(sources, bees=bees, scouts=scouts, chance=chance)
    # A move that helps lowers the latest finish, so the bees bound the number of moves.
    for _ in range(bees):
        if spread(sources, shared) <= threshold or not _forage(sources, shared):
            break
    return shared


def spread(sources: Sequence[Source], shared: Sequence[int]) -> float:
    """Return the standard deviation of the sources' finish times over their mean; 0 if all rest."""
    finishes = [one.finish_s(bees) for one, bees in zip(sources, shared, strict=True)]
    mean = fmean(finishes) if finishes else 0.0
    return pstdev(finishes) / mean if mean else 0.0


def _scouted(
    sources: Sequence[Source], *, bees: int, scouts: int, chance: random.Random
) -> list[int]:
    shared = [0] * len(sources)
    for _ in range(bees):
        free = [place for place, one in enumerate(sources) if shared[place] < one.room]
        if not free:
            break
        seen = chance.sample(free, min(scouts, len(free)))
        shared[min(seen, key=lambda place: sources[place].finish_s(shared[place] + 1))] += 1
    return shared


def _forage(sources: Sequence[Source], shared: list[int]) -> bool:
    """Move one bee from the latest source to where it finishes first; False if that helps not."""
    places = range(len(sources))
    giving = [place for place in places if shared[place]]
    taking = [place for place in places if shared[place] < sources[place].room]
    if not giving or not taking:
        return False
    late = max(giving, key=lambda place: sources[place].finish_s(shared[place]))
    early = min(taking, key=lambda place: sources[place].finish_s(shared[place] + 1))
    if sources[early].finish_s(shared[early] + 1) >= sources[late].finish_s(shared[late]):
        return False
    shared[late] -= 1
    shared[early] += 1
    return True
