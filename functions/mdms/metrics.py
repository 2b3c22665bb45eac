"""What an mdms worker counts."""

from prometheus_client import CollectorRegistry, Counter

from functions.mdms.outcomes import OUTCOMES
from functions.mdms.schema import ReadingsAnswer

_LABELS = ("tenant", "zone")


class MdmsMetrics:
    """Counters of one worker, in a registry of their own."""

    def __init__(self, *, tenant: str, zone: str) -> None:
        self.registry = CollectorRegistry()
        self._identity = (tenant, zone)
        readings = self._counter("readings", "Readings answered, by outcome.", "outcome")
        self._outcomes = {name: readings.labels(*self._identity, name) for name in OUTCOMES}
        self._rejected = self._counter("rejected", "Readings rejected, by reason.", "reason")
        self._batches = self._plain("batches", "Readings bodies answered.")
        self._entries = self._plain("uplink_entries", "Entries from child zones made durable.")
        self._folded = self._plain("folded_entries", "Entries of the tail folded into blocks.")
        self._fold_failures = self._plain("fold_failures", "Steps of the fold that failed.")

    def answered(self, answer: ReadingsAnswer) -> None:
        """Count one readings body."""
        self._batches.inc()
        for name, counter in self._outcomes.items():
            counter.inc(getattr(answer, name))
        if answer.rejected:
            for series in answer.series:
                for run in series.outcomes:
                    if run.outcome == "rejected":
                        self._rejected.labels(*self._identity, run.reason).inc(run.count)

    def acknowledged(self, entries: int) -> None:
        """Count entries of a child zone."""
        self._entries.inc(entries)

    def folded(self, entries: int) -> None:
        """Count entries that left the tail."""
        self._folded.inc(entries)

    def fold_failed(self) -> None:
        """Count a step of the fold that failed."""
        self._fold_failures.inc()

    def _counter(self, name: str, what: str, label: str) -> Counter:
        return Counter(
            f"gridfaas_mdms_{name}_total", what, (*_LABELS, label), registry=self.registry
        )

    def _plain(self, name: str, what: str) -> Counter:
        counter = Counter(f"gridfaas_mdms_{name}_total", what, _LABELS, registry=self.registry)
        return counter.labels(*self._identity)
