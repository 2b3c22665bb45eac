"""Delays from the intended send time to the answer, in an HDR histogram."""

from hdrh.histogram import HdrHistogram

_LONGEST_US = 3_600_000_000


class Delays:
    """Microsecond delays up to an hour, to three significant figures."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, _LONGEST_US, 3)

    def record(self, seconds: float) -> None:
        """Count one delay; longer than an hour counts as an hour."""
        self._histogram.record_value(min(max(int(seconds * 1e6), 1), _LONGEST_US))

    @property
    def count(self) -> int:
        """How many delays were recorded."""
        return int(self._histogram.get_total_count())

    def milliseconds(self) -> dict[str, float] | None:
        """Return p50, p95, p99 and max in ms, or None when nothing was recorded."""
        if not self.count:
            return None
        at = self._histogram.get_value_at_percentile
        figures = {"p50": at(50), "p95": at(95), "p99": at(99)}
        figures["max"] = self._histogram.get_max_value()
        return {name: round(value / 1000, 3) for name, value in figures.items()}
