"""How many bodies were answered, and with which outcomes: counted at each body, told when asked."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from functions.mdms.outcomes import OUTCOMES
from functions.mdms.reading_schema import ReadingsAnswer, SeriesAnswer


class AnsweredCounts(Collector):
    """Plain numbers, made into metrics when asked: the library's counters take a lock each."""

    def __init__(self, registry: CollectorRegistry, *, tenant: str, zone: str) -> None:
        self._identity = [tenant, zone]
        self._bodies = self._accepted = self._duplicate = self._corrected = self._rejected = 0
        registry.register(self)

    def add(self, answer: ReadingsAnswer | SeriesAnswer) -> None:
        """Count one body."""
        self._bodies += 1
        self._accepted += answer.accepted
        self._duplicate += answer.duplicate
        self._corrected += answer.corrected
        self._rejected += answer.rejected

    def collect(self) -> Iterator[Metric]:
        """Give every count."""
        bodies = CounterMetricFamily(
            "gridfaas_mdms_batches", "Readings bodies answered.", labels=["tenant", "zone"]
        )
        bodies.add_metric(self._identity, self._bodies)
        yield bodies
        readings = CounterMetricFamily(
            "gridfaas_mdms_readings",
            "Readings answered, by outcome.",
            labels=["tenant", "zone", "outcome"],
        )
        counts = (self._accepted, self._duplicate, self._corrected, self._rejected)
        for outcome, count in zip(OUTCOMES, counts, strict=True):
            readings.add_metric([*self._identity, outcome], count)
        yield readings
