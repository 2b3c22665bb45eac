"""A day by the meters' own clocks: when they read, which readings they doubt, when they ask."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from meter_emulator.clock_exchange import ExchangeFailed, Measured
from meter_emulator.deliveries import Deliveries
from meter_emulator.meter_clocks import ClockPlan, MeterClocks, Micros

QUESTIONABLE: Final = 10
"""Green Button's `QualityOfReading` for what IEC 61968-9 calls 1.4.9, clock changed."""
_DAY_S: Final = 86_400


class Exchange(Protocol):
    """Who tells the meters the time."""

    def measure(self, error_us: Micros, *, tolerance_ppm: float) -> Measured:
        """Measure what clocks that are `error_us` ahead lack; ExchangeFailed when it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockDay:
    """Of each meter and slot, (meters, slots): the clock's error, how far off the meter thinks
    that it may be, and whether it doubts the reading."""

    error_us: Micros
    bound_us: Micros
    doubtful: NDArray[np.bool_]

    def deliver(self, deliveries: Deliveries) -> tuple[Deliveries, int]:
        """Return the day's readings as these clocks stamp them, and how many are marked."""
        place = deliveries.meter, deliveries.wave
        seconds = np.rint(self.error_us[place] / 1e6).astype(np.int64)
        doubtful = self.doubtful[place]
        stamped = replace(
            deliveries,
            instant_s=deliveries.instant_s + seconds,
            quality=np.where(doubtful, QUESTIONABLE, deliveries.quality),
        )
        return stamped, int(np.count_nonzero(doubtful))


class ClockRun:
    """The clocks of one fleet through its days, and what became of their exchanges."""

    def __init__(self, clocks: MeterClocks, plan: ClockPlan) -> None:
        self._clocks = clocks
        self._plan = plan
        self._failed: Counter[str] = Counter()
        self._exchanges = 0
        self._widest_us = 0.0
        self.marked = 0

    def day(self, *, first_s: int, interval_s: int, exchange: Exchange) -> ClockDay:
        """Let a UTC day go by that begins at `first_s`, the days in their order.

        A meter doubts a reading when it may be off by more than the limit, and that of an
        interval in which its clock was changed by more.
        """
        slots = first_s + np.arange(0, _DAY_S, interval_s)
        limit_us = self._plan.limit_s * 1e6
        shape = len(self._clocks.error_us), len(slots)
        error_us = np.empty(shape)
        bound_us = np.empty(shape)
        changed = np.zeros(shape, dtype=np.bool_)
        every_s = self._plan.sync_every_s or _DAY_S
        for begin_s in range(first_s, first_s + _DAY_S, every_s):
            self._clocks = self._clocks.at(begin_s)
            if self._plan.sync_every_s:
                change_us = self._ask(exchange)
                changed[:, (begin_s - first_s) // interval_s] |= np.abs(change_us) > limit_us
            now = (slots >= begin_s) & (slots < begin_s + every_s)
            error_us[:, now] = self._clocks.errors_us(slots[now])
            bound_us[:, now] = self._clocks.bounds_us(slots[now])
        self._widest_us = max(self._widest_us, float(np.abs(error_us).max()))
        doubtful = changed | (bound_us > limit_us)
        return ClockDay(error_us=error_us, bound_us=bound_us, doubtful=doubtful)

    def figures(self) -> dict[str, Any]:
        """Return what became of the exchanges, and how far off clocks were, in seconds.

        `off_s` is the worst clock's error at its last exchange or day's begin, `widest_off_s` the
        worst of all readings.
        """
        return {
            "exchanges": self._exchanges,
            "failed": dict(self._failed),
            "off_s": round(float(np.abs(self._clocks.error_us).max()) / 1e6, 6),
            "widest_off_s": round(self._widest_us / 1e6, 6),
            "marked": self.marked,
        }

    def _ask(self, exchange: Exchange) -> Micros:
        try:
            measured = exchange.measure(
                self._clocks.error_us, tolerance_ppm=self._clocks.tolerance_ppm
            )
        except ExchangeFailed as error:
            self._failed[str(error)] += 1
            return np.zeros(len(self._clocks.error_us))
        self._exchanges += 1
        self._clocks, change_us = self._clocks.told(
            offset_us=measured.offset_us, distance_us=measured.distance_us
        )
        return change_us
