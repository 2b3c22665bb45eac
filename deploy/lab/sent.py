"""What became of the readings that emulators sent, told by each and added up."""

from collections import Counter
from collections.abc import Sequence

import msgspec
from hdrh.histogram import HdrHistogram


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """Readings by what became of them, each distinct one counted once.

    `outcomes` counts answers (accepted, duplicate, corrected), copies of a reading included;
    `refused` counts by reason, `faults` the readings that each fault touched, `setbacks` the
    requests that had to be tried again, by reason. `delay_histogram` is HdrHistogram's text, in
    microseconds.
    """

    planned: int
    sent: int
    acknowledged: int
    refused: dict[str, int]
    unanswered: int
    requests: int
    retries: int
    seconds: float
    delay_histogram: str
    outcomes: dict[str, int] = {}
    faults: dict[str, int] = {}
    setbacks: dict[str, int] = {}

    @property
    def readings_per_second(self) -> int:
        """Acknowledged readings a second, over the longest of the runs."""
        return round(self.acknowledged / self.seconds) if self.seconds else 0

    def delay_ms(self) -> dict[str, float] | None:
        """Return p50, p95, p99 and max of a request's delay in ms; None without an answer."""
        histogram = HdrHistogram.decode(self.delay_histogram)
        if not histogram.get_total_count():
            return None
        figures = {f"p{p}": histogram.get_value_at_percentile(p) for p in (50, 95, 99)}
        figures["max"] = histogram.get_max_value()
        return {name: round(micros / 1000, 3) for name, micros in figures.items()}


def add_up(runs: Sequence[Sent]) -> Sent:
    """Return the runs as one; they went side by side, so the longest of them is its length.

    Raises:
        ValueError: there is none.
    """
    if not runs:
        raise ValueError("no run to add up")
    histogram = HdrHistogram.decode(runs[0].delay_histogram)
    for run in runs[1:]:
        histogram.decode_and_add(run.delay_histogram)
    return Sent(
        planned=sum(run.planned for run in runs),
        sent=sum(run.sent for run in runs),
        acknowledged=sum(run.acknowledged for run in runs),
        refused=_sum([run.refused for run in runs]),
        unanswered=sum(run.unanswered for run in runs),
        requests=sum(run.requests for run in runs),
        retries=sum(run.retries for run in runs),
        seconds=max(run.seconds for run in runs),
        delay_histogram=bytes(histogram.encode()).decode("ascii"),
        outcomes=_sum([run.outcomes for run in runs]),
        faults=_sum([run.faults for run in runs]),
        setbacks=_sum([run.setbacks for run in runs]),
    )


def _sum(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)
