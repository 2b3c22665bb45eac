"""How many workers a function of a tenant should have.

With metric `concurrency`: ceil((in flight + waiting) / (target * concurrency)), `target` being the
share of a worker's concurrency that should be in use. With metric `rate`: ceil(calls a second /
target), `target` being the calls a second of one worker. Both within `min` and `max` of the spec.

Up at once, down only after `stable_s` below; one worker stays until nobody has called for `idle_s`.
"""

import math
from collections import deque

from storage.platform.functions.spec import FunctionSpec

RATE_WINDOW_S = 5.0
# The gateway says again how many wait, several times a second, as long as any do.
WAITING_FRESH_S = 2.0
_ROUNDING = 1e-9


def desired(*, spec: FunctionSpec, in_flight: int, waiting: int, calls_per_s: float) -> int:
    """Return the formula's answer for this moment, without `min` and `max`."""
    if spec.scale.metric == "rate":
        wanted = calls_per_s / spec.scale.target
    else:
        wanted = (in_flight + waiting) / (spec.scale.target * spec.concurrency)
    return math.ceil(wanted - _ROUNDING)


class Demand:
    """What is asked of one function of one tenant; moments in seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._used_at = float("-inf")
        self._waiting = 0
        self._waiting_at = float("-inf")
        # Each later entry is lower: the first one is the highest of the window.
        self._peaks: deque[tuple[float, int]] = deque()
        self._calls = 0
        self._counts: deque[tuple[float, int]] = deque()

    def asked(self, *, now: float, waiting: int) -> None:
        """Note that a worker is asked for, by `waiting` calls that have none."""
        self._used_at = now
        self._waiting, self._waiting_at = waiting, now

    def worked(self, *, now: float, calls: int) -> None:
        """Note that a worker reports its load, and `calls` that ended since the last time."""
        self._used_at = now
        self._calls += calls

    def forget(self) -> None:
        """Want nothing until somebody asks again."""
        self._used_at = self._waiting_at = float("-inf")
        self._peaks.clear()

    def used(self, *, now: float, within_s: float) -> bool:
        """Whether somebody called in the last `within_s`."""
        return now - self._used_at < within_s

    def wanted(self, *, now: float, spec: FunctionSpec, in_flight: int, room: int) -> int:
        """Return how many workers there should be; `room` is how many calls the ready ones take.

        Workers report their load once a second; calls wait only where all are full, so then as
        much is in flight as there is room for.
        """
        waiting = self._waiting if now - self._waiting_at < WAITING_FRESH_S else 0
        rate = self._rate(now)
        if not self.used(now=now, within_s=spec.idle_s):
            self._peaks.clear()
            return spec.min
        wanted = desired(
            spec=spec,
            in_flight=max(in_flight, room) if waiting else in_flight,
            waiting=waiting,
            calls_per_s=rate,
        )
        while self._peaks and self._peaks[-1][1] <= wanted:
            self._peaks.pop()
        self._peaks.append((now, wanted))
        while self._peaks[0][0] < now - spec.scale.stable_s:
            self._peaks.popleft()
        return min(spec.max, max(spec.min, 1, self._peaks[0][1]))

    def _rate(self, now: float) -> float:
        counts = self._counts
        counts.append((now, self._calls))
        while len(counts) > 1 and counts[1][0] <= now - RATE_WINDOW_S:
            counts.popleft()
        first_at, first = counts[0]
        return (self._calls - first) / max(RATE_WINDOW_S, now - first_at)
