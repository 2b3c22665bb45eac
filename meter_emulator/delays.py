"""Delays from the intended send time to the answer, in an HDR histogram."""

import numpy as np
from hdrh.histogram import HdrHistogram

_LONGEST_US = 3_600_000_000
_BATCH = 4096


class Delays:
    """Microsecond delays up to an hour, to three significant figures."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, _LONGEST_US, 3)
        self._fresh: list[float] = []

    def record(self, seconds: float) -> None:
        """Count one delay; longer than an hour counts as an hour."""
        self._fresh.append(seconds)
        if len(self._fresh) >= _BATCH:
            self._settle()

    @property
    def count(self) -> int:
        """How many delays were recorded."""
        return int(self._histogram.get_total_count()) + len(self._fresh)

    def milliseconds(self) -> dict[str, float] | None:
        """Return p50, p95, p99 and max in ms, or None when nothing was recorded."""
        if not self.count:
            return None
        self._settle()
        at = self._histogram.get_value_at_percentile
        figures = {"p50": at(50), "p95": at(95), "p99": at(99)}
        figures["max"] = self._histogram.get_max_value()
        return {name: round(value / 1000, 3) for name, value in figures.items()}

    def encoded(self) -> str:
        """Return the delays in microseconds as HdrHistogram's compressed log text.

        Runs side by side are told as one by adding their histograms, never from percentiles.
        """
        self._settle()
        return bytes(self._histogram.encode()).decode("ascii")

    def _settle(self) -> None:
        # The histogram costs microseconds a call: equal delays go in as one call with a count.
        micros = (np.array(self._fresh) * 1e6).clip(1, _LONGEST_US).astype(np.int64)
        self._fresh.clear()
        for value, count in zip(*np.unique(micros, return_counts=True), strict=True):
            self._histogram.record_value(int(value), int(count))
