"""What the link's scheduler counts."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge

from storage.hot.uplink import Backlog


class LinkMetrics:
    """Counters of one worker, in a registry of their own, by tenant."""

    def __init__(self, *, zone: str) -> None:
        self.registry = CollectorRegistry()
        self._zone = zone
        self._entries = self._counter("entries", "Entries that the parent acknowledged.")
        self._bytes = self._counter("bytes", "Bytes of acknowledged bodies, as sent.")
        self._posts = self._counter("posts", "Bodies that the parent acknowledged.")
        self._pages = self._counter("registry_pages", "Pages of the registry taken in.")
        self._failures = Counter(
            "gridfaas_uplink_failures_total",
            "Calls that failed: refused by the parent, link down, or registry not pulled.",
            ("zone", "tenant", "kind"),
            registry=self.registry,
        )
        self._backlog_bytes = self._gauge("backlog_bytes", "Bytes that wait for the parent.")
        self._backlog_entries = self._gauge("backlog_entries", "Entries that wait for the parent.")
        self._oldest = self._gauge("backlog_oldest_seconds", "Age of the oldest waiting entry.")
        self._acknowledged = self._gauge(
            "acknowledged_timestamp_seconds", "When the parent last acknowledged something."
        )
        self._up = Gauge(
            "gridfaas_uplink_up",
            "0 while the parent is out of reach.",
            ("zone",),
            registry=self.registry,
        ).labels(zone)

    def forwarded(self, tenant: str, *, entries: int, size: int) -> None:
        """Count a body that the parent acknowledged."""
        self._entries.labels(self._zone, tenant).inc(entries)
        self._bytes.labels(self._zone, tenant).inc(size)
        self._posts.labels(self._zone, tenant).inc()
        self._acknowledged.labels(self._zone, tenant).set(time.time())

    def link(self, *, up: bool) -> None:
        """Show whether the parent is within reach."""
        self._up.set(up)

    def failed(self, tenant: str, kind: str) -> None:
        """Count a failure of `kind`: refused, link or registry."""
        self._failures.labels(self._zone, tenant, kind).inc()

    def registry_page(self, tenant: str) -> None:
        """Count a page of the registry."""
        self._pages.labels(self._zone, tenant).inc()

    def waits(self, tenant: str, backlog: Backlog) -> None:
        """Show what waits."""
        self._backlog_bytes.labels(self._zone, tenant).set(backlog.bytes)
        self._backlog_entries.labels(self._zone, tenant).set(backlog.entries)
        self._oldest.labels(self._zone, tenant).set(backlog.oldest_age_s)

    def _counter(self, name: str, what: str) -> Counter:
        return Counter(
            f"gridfaas_uplink_{name}_total", what, ("zone", "tenant"), registry=self.registry
        )

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(f"gridfaas_uplink_{name}", what, ("zone", "tenant"), registry=self.registry)
