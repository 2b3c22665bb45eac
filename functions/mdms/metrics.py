"""What an mdms worker counts."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge

from functions.mdms.answered_counts import AnsweredCounts
from functions.mdms.reading_schema import ReadingsAnswer, SeriesAnswer

_LABELS = ("tenant", "zone")


class MdmsMetrics:
    """Counters of one worker, in a registry of their own."""

    def __init__(self, *, tenant: str, zone: str) -> None:
        self.registry = CollectorRegistry()
        self._identity = (tenant, zone)
        self._answered = AnsweredCounts(self.registry, tenant=tenant, zone=zone)
        self._rejected = self._counter("rejected", "Readings rejected, by reason.", "reason")
        self._refused = self._counter("refused", "Bodies refused as a whole.", "problem")
        self._entries = self._plain("uplink_entries", "Entries from child zones made durable.")
        self._folded = self._plain("folded_entries", "Entries of the tail folded into blocks.")
        self._fold_failures = self._plain("fold_failures", "Steps of the fold that failed.")
        self._validated = self._plain("validated", "Readings that were validated on their way.")
        self._findings = self._counter("findings", "Findings of validation, by change.", "change")
        self._validation_failures = self._plain(
            "validation_failures", "Turns of validation that failed."
        )
        # Gauges are made when first known: another tier must not show a 0 that means nothing.
        self._gauges: dict[str, Gauge] = {}

    def answered(self, answer: ReadingsAnswer | SeriesAnswer) -> None:
        """Count one readings body."""
        self._answered.add(answer)
        if answer.rejected:
            for series in answer.series if isinstance(answer, ReadingsAnswer) else [answer]:
                for run in series.outcomes:
                    if run.outcome == "rejected":
                        self._rejected.labels(*self._identity, run.reason).inc(run.count)

    def refused(self, problem: str) -> None:
        """Count a readings or uplink body that was turned down, by the problem's slug."""
        self._refused.labels(*self._identity, problem).inc()

    def acknowledged(self, entries: int) -> None:
        """Count entries of a child zone."""
        self._entries.inc(entries)

    def validated(self, readings: int) -> None:
        """Count readings that were validated on their way."""
        self._validated.inc(readings)

    def found(self, *, opened: int, withdrawn: int) -> None:
        """Count what headquarters is told: findings that are new or differ, and those that end."""
        for change, number in (("opened", opened), ("withdrawn", withdrawn)):
            if number:
                self._findings.labels(*self._identity, change).inc(number)

    def validation_failed(self) -> None:
        """Count a turn of validation that failed."""
        self._validation_failures.inc()

    def validation_waits(self, *, entries: int, size: int) -> None:
        """Show what was relayed and not yet validated."""
        self._set("validation_entries", "Entries that wait for validation.", entries)
        self._set("validation_bytes", "Bytes that wait for validation.", size)

    def folded(self, entries: int) -> None:
        """Count entries that left the tail."""
        self._folded.inc(entries)

    def fold_failed(self) -> None:
        """Count a step of the fold that failed."""
        self._fold_failures.inc()

    def tail(self, entries: int, *, oldest_s: float) -> None:
        """Show the tail as it was found, and when."""
        self._set("tail_entries", "Entries of the tail, when last counted.", entries)
        self._set("tail_oldest_seconds", "Age of the oldest of them, at that moment.", oldest_s)
        self._set(
            "tail_counted_timestamp_seconds", "When the fold last counted the tail.", time.time()
        )

    def desk(self, *, exceptions: int, edits: int) -> None:
        """Show what waits at the desk of headquarters."""
        self._set("exceptions_open", "Exceptions that nobody has decided about.", exceptions)
        self._set("edits_pending", "Edits that wait for an approval.", edits)

    def registry_version(self, version: int) -> None:
        """Show the version of the meter registry that this zone holds."""
        self._set("registry_version", "Version of the meter registry held here.", version)

    def uplink_limit(self, size: int) -> None:
        """Show at how many waiting bytes readings are refused."""
        self._set("uplink_limit_bytes", "Bytes that may wait for the parent.", size)

    def memory(self, size: int) -> None:
        """Show what the tenant's readings take up in the zone's hot store."""
        self._set("memory_bytes", "Bytes that readings take up in the hot store.", size)

    def memory_limit(self, size: int) -> None:
        """Show at how many of these bytes readings are refused."""
        self._set("memory_limit_bytes", "Bytes that they may take up there.", size)

    def _set(self, name: str, what: str, value: float) -> None:
        gauge = self._gauges.get(name)
        if gauge is None:
            gauge = Gauge(f"gridfaas_mdms_{name}", what, _LABELS, registry=self.registry)
            gauge = self._gauges[name] = gauge.labels(*self._identity)
        gauge.set(value)

    def _counter(self, name: str, what: str, label: str) -> Counter:
        return Counter(
            f"gridfaas_mdms_{name}_total", what, (*_LABELS, label), registry=self.registry
        )

    def _plain(self, name: str, what: str) -> Counter:
        counter = Counter(f"gridfaas_mdms_{name}_total", what, _LABELS, registry=self.registry)
        return counter.labels(*self._identity)
