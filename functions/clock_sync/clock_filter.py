"""The clock filter: of the last eight samples, the one that bounds the error best."""

import math
from dataclasses import dataclass, replace
from typing import Final

from functions.clock_sync.exchange import PRECISION_US, Sample

STAGES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFilter:
    """The last samples, newest first (RFC 5905 section 10).

    The RFC orders by delay and never goes back to an older sample, since each one moved its
    clock. Here no clock is moved: every offset is against the same steady clock, so an older
    sample of less delay stays usable, at the price of its age. Samples are therefore ordered by
    distance, which is the order of delay among samples of like age.
    """

    tolerance_ppm: float
    samples: tuple[Sample, ...] = ()

    def taken(self, sample: Sample) -> "ClockFilter":
        """Return the filter with one more sample.

        If both clocks had run true, the source's time would lie within the distance of both the
        new sample and the best one. Where the two leave it no room, one of the clocks was set:
        what was learned before is forgotten.
        """
        best = self.best(sample.at_us)
        if best is not None and not self._agree(best, sample):
            return replace(self, samples=(sample,))
        return replace(self, samples=(sample, *self.samples[: STAGES - 1]))

    def best(self, now_us: int) -> Sample | None:
        """Return the sample of the least distance at `now_us`, the newest of equals."""
        return min(self.samples, key=lambda one: self._distance_us(one, now_us), default=None)

    def jitter_us(self, now_us: int) -> float:
        """Return by how much the offsets differ from the best one's (RFC 5905 section 10)."""
        best = self.best(now_us)
        if best is None or len(self.samples) < 2:
            return float(PRECISION_US)
        squares = sum((best.offset_us - one.offset_us) ** 2 for one in self.samples)
        return max(math.sqrt(squares) / (len(self.samples) - 1), float(PRECISION_US))

    def _agree(self, best: Sample, newest: Sample) -> bool:
        room_us = self._distance_us(best, newest.at_us) + self._distance_us(newest, newest.at_us)
        return abs(best.offset_us - newest.offset_us) <= room_us

    def _distance_us(self, sample: Sample, now_us: int) -> float:
        return sample.distance_us(now_us=now_us, tolerance_ppm=self.tolerance_ppm)
