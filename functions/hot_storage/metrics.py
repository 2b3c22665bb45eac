"""What hot_storage counts and shows of each tenant's tiers."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_LABELS = ("tenant", "zone")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class TierMetrics:
    """Figures of one worker, in a registry of their own."""

    def __init__(self, *, zone: str) -> None:
        self.registry = CollectorRegistry()
        self._zone = zone
        self._reads = self._counter(
            "reads", "Blocks that were read in this zone, by where they were found.", "found"
        )
        self._trips = self._counter("recalls", "Round trips to the parent.", "outcome")
        self._blocks = self._counter("recalled_blocks", "Blocks that the parent gave.")
        self._bytes = self._counter("recalled_bytes", "Bytes of these blocks, unpacked.")
        self._promoted = self._counter("promotions", "Blocks kept here again.")
        self._unpromoted = self._counter("promotions_ended", "Copies that were dropped again.")
        self._demoted = self._counter("demotions", "Blocks dropped here.")
        self._demoted_bytes = self._counter("demoted_bytes", "Bytes of their slots and events.")
        self._kept = self._counter("demotions_refused", "Blocks that had to stay.", "reason")
        self._failures = self._counter("demotion_failures", "Runs of demotion that broke off.")
        self._seconds = Histogram(
            "gridfaas_hot_storage_recall_seconds",
            "What a round trip to the parent took.",
            _LABELS,
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._staleness = self._gauge(
            "staleness_seconds", "Age of the newest acknowledged entry behind the last recall."
        )
        self._copies = self._gauge("promoted_blocks", "Copies that are kept.")
        self._copy_bytes = self._gauge("promoted_bytes", "Bytes of these copies.")
        self._held = self._gauge("held_bytes", "Bytes of the tenant's readings in this zone.")
        self._limit = self._gauge("held_limit_bytes", "Bytes that its policy goes by.")
        self._hot = self._gauge("blocks", "Blocks by the last run of demotion.", "tier")
        self._dropped = self._gauge("dropped_through_day", "Last UTC day with a dropped block.")
        self._last_run = self._gauge("demotion_timestamp_seconds", "When demotion last ended.")
        self._cache = Gauge(
            "gridfaas_hot_storage_cache_bytes",
            "Bytes of recalled blocks at hand.",
            ("zone",),
            registry=self.registry,
        ).labels(zone)

    def served(self, tenant: str, source: str, blocks: int) -> None:
        """Count blocks by `hot`, `cache`, `promoted`, `flight`, `parent` or `absent`."""
        if blocks:
            self._reads.labels(tenant, self._zone, source).inc(blocks)

    def recalled(self, tenant: str, *, blocks: int, size: int, seconds: float) -> None:
        """Count a round trip that was answered."""
        self._trips.labels(tenant, self._zone, "answered").inc()
        self._blocks.labels(tenant, self._zone).inc(blocks)
        self._bytes.labels(tenant, self._zone).inc(size)
        self._seconds.labels(tenant, self._zone).observe(seconds)

    def failed(self, tenant: str) -> None:
        """Count a round trip that failed."""
        self._trips.labels(tenant, self._zone, "failed").inc()

    def stale(self, tenant: str, as_of_us: int) -> None:
        """Show how old the newest entry is that the last answer rests on."""
        if as_of_us:
            age_s = max(0.0, time.time() - as_of_us / 1e6)
            self._staleness.labels(tenant, self._zone).set(age_s)

    def promoted(self, tenant: str, blocks: int) -> None:
        """Count promotions."""
        self._promoted.labels(tenant, self._zone).inc(blocks)

    def unpromoted(self, tenant: str, blocks: int) -> None:
        """Count copies that were dropped."""
        self._unpromoted.labels(tenant, self._zone).inc(blocks)

    def demoted(self, tenant: str, *, blocks: int, size: int) -> None:
        """Count blocks that left."""
        self._demoted.labels(tenant, self._zone).inc(blocks)
        self._demoted_bytes.labels(tenant, self._zone).inc(size)

    def refused(self, tenant: str, reason: str, blocks: int = 1) -> None:
        """Count blocks that were cold and stayed."""
        self._kept.labels(tenant, self._zone, reason).inc(blocks)

    def demotion_failed(self, tenant: str) -> None:
        """Count a run that broke off."""
        self._failures.labels(tenant, self._zone).inc()

    def run_ended(self, tenant: str, *, hot: int, cold: int, at_s: float) -> None:
        """Show what a run of demotion left: blocks that stay, and those that should go."""
        self._hot.labels(tenant, self._zone, "hot").set(hot)
        self._hot.labels(tenant, self._zone, "leaving").set(cold)
        self._last_run.labels(tenant, self._zone).set(at_s)

    def holds(
        self, tenant: str, *, held: int, limit: int, copies: int, copy_bytes: int, dropped: int
    ) -> None:
        """Show what a tenant has here now."""
        for gauge, value in (
            (self._held, held),
            (self._limit, limit),
            (self._copies, copies),
            (self._copy_bytes, copy_bytes),
            (self._dropped, dropped),
        ):
            gauge.labels(tenant, self._zone).set(value)

    def cache(self, size: int) -> None:
        """Show the bytes of the recall cache."""
        self._cache.set(size)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(
            f"gridfaas_hot_storage_{name}_total", what, (*_LABELS, *labels), registry=self.registry
        )

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(
            f"gridfaas_hot_storage_{name}", what, (*_LABELS, *labels), registry=self.registry
        )
