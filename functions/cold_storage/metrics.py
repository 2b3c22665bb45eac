"""What cold_storage counts of a tenant's record."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from storage.cold.tier_figures import ArchiveFigures

_LABELS = ("tenant", "zone")


class ColdMetrics:
    """Figures of one worker, in a registry of their own."""

    def __init__(self, *, tenant: str, zone: str) -> None:
        self.registry = CollectorRegistry()
        self._identity = (tenant, zone)
        self._questions = self._counter("questions", "Questions of zones, by kind.", "kind")
        self._blocks = self._counter("answered_blocks", "Blocks that zones asked for.", "found")
        self._gauges: dict[str, Gauge] = {}

    def asked(self, kind: str, *, found: int, absent: int) -> None:
        """Count a question of a zone, and its blocks by whether they are there."""
        self._questions.labels(*self._identity, kind).inc()
        self._blocks.labels(*self._identity, "cold").inc(found)
        self._blocks.labels(*self._identity, "absent").inc(absent)

    def holds(self, name: str, what: str, value: float) -> None:
        """Show a figure of the record as it was last looked at."""
        gauge = self._gauges.get(name)
        if gauge is None:
            gauge = Gauge(
                f"gridfaas_cold_storage_{name}", what, _LABELS, registry=self.registry
            ).labels(*self._identity)
            self._gauges[name] = gauge
        gauge.set(value)

    def archive(self, found: ArchiveFigures) -> None:
        """Show the archive as its catalogue has it."""
        self.holds("archived_files", "Files that hold what left the record.", found.files)
        self.holds("archived_bytes", "Bytes of these files.", found.size)
        self.holds("archived_readings", "Readings in these files.", found.readings)
        self.holds(
            "archive_unfinished_files",
            "Files whose blocks have not left the record: an archiver was cut short.",
            found.unfinished,
        )
        if found.newest_s:
            self.holds("archived_timestamp_seconds", "When blocks last left.", found.newest_s)

    def _counter(self, name: str, what: str, label: str) -> Counter:
        return Counter(
            f"gridfaas_cold_storage_{name}_total", what, (*_LABELS, label), registry=self.registry
        )
