"""What the link's scheduler counts."""

import time
from collections import Counter as Counts
from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from functions.traffic_scheduling.flow import Flow
from functions.traffic_scheduling.link_cap import LinkCap
from storage.hot.uplink import Backlog

DELAYS_S: Final = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400)
_FLOW: Final = ("zone", "tenant", "class", "lane")
_SENT: Final = {
    "entries": "Entries that the parent acknowledged.",
    "bytes": "Bytes of acknowledged bodies, as sent.",
    "saved_bytes": "Bytes that compression spared.",
    "posts": "Bodies that the parent acknowledged.",
    "deadline_misses": "Entries acknowledged after their class's deadline.",
}


class LinkMetrics:
    """Counters of one worker, in a registry of their own, by tenant, class and lane."""

    def __init__(self, *, zone: str) -> None:
        self.registry = CollectorRegistry()
        self._zone = zone
        self._tallies: dict[tuple[str, str], Counts[str]] = {}
        self._sent = {what: self._counter(what, said, _FLOW) for what, said in _SENT.items()}
        self._delay = Histogram(
            "gridfaas_uplink_delay_seconds",
            "From an entry's acknowledgement in this zone to the parent's.",
            ("zone", "class", "lane"),
            buckets=DELAYS_S,
            registry=self.registry,
        )
        self._pages = self._counter("registry_pages", "Pages of the registry taken in.")
        self._edit_pages = self._counter("edit_pages", "Pages of edits taken in.")
        self._failures = self._counter(
            "failures",
            "Calls that failed: refused by the parent, link down, or registry not pulled.",
            ("zone", "tenant", "kind"),
        )
        self._backlog_bytes = self._gauge("backlog_bytes", "Bytes that wait for the parent.")
        self._backlog_entries = self._gauge("backlog_entries", "Entries that wait for the parent.")
        self._oldest = self._gauge("backlog_oldest_seconds", "Age of the oldest waiting entry.")
        of_class = ("zone", "tenant", "class")
        self._waiting_bytes = self._gauge(
            "waiting_bytes", "Bytes of a class that wait for the parent.", of_class
        )
        self._waiting_entries = self._gauge(
            "waiting_entries", "Entries of a class that wait for the parent.", of_class
        )
        self._waiting_oldest = self._gauge(
            "waiting_oldest_seconds", "Age of the oldest waiting entry, by class and lane.", _FLOW
        )
        self._acknowledged = self._gauge(
            "acknowledged_timestamp_seconds", "When the parent last acknowledged something."
        )
        of_link = ("zone",)
        self._up = self._gauge("up", "0 while the parent is out of reach.", of_link).labels(zone)
        self._cap = self._gauge(
            "cap_bits_per_second", "The link's cap; 0 for none.", of_link
        ).labels(zone)
        self._cap_waits = self._gauge(
            "cap_waits", "How often something due had to wait for the cap, so far.", of_link
        ).labels(zone)
        self._cap_waited = self._gauge(
            "cap_waited_seconds", "For how long something due waited for the cap, so far.", of_link
        ).labels(zone)
        self._wire = Counter(
            "gridfaas_link_bytes_total",
            "Bytes of HTTP with the parent, heads and bodies, all calls of this service.",
            ("zone", "direction"),
            registry=self.registry,
        )

    def forwarded(
        self,
        flow: Flow,
        *,
        ages_s: Sequence[float],
        deadline_s: float,
        size: int,
        saved: int,
    ) -> None:
        """Count a body of `size` bytes that the parent acknowledged, and its entries' ages."""
        name = flow.queue.traffic_class.value
        counts = {
            "entries": len(ages_s),
            "bytes": size,
            "saved_bytes": max(0, saved),
            "posts": 1,
            "deadline_misses": sum(age_s > deadline_s for age_s in ages_s),
        }
        self._tallies.setdefault((flow.tenant, name), Counts()).update(counts)
        for what, count in counts.items():
            self._sent[what].labels(self._zone, flow.tenant, name, flow.lane).inc(count)
        delay = self._delay.labels(self._zone, name, flow.lane)
        for age_s in ages_s:
            delay.observe(age_s)
        self._acknowledged.labels(self._zone, flow.tenant).set(time.time())

    def moved(self, direction: str, size: int) -> None:
        """Count bytes that went `up` to the parent or came `down` from it."""
        self._wire.labels(self._zone, direction).inc(size)

    def link(self, *, up: bool, cap: LinkCap) -> None:
        """Show whether the parent is within reach, and what the cap did."""
        self._up.set(up)
        self._cap.set(cap.bits_per_s or 0)
        self._cap_waits.set(cap.waits)
        self._cap_waited.set(cap.waited_s)

    def failed(self, tenant: str, kind: str) -> None:
        """Count a failure of `kind`: refused, link or registry."""
        self._failures.labels(self._zone, tenant, kind).inc()

    def edits_page(self, tenant: str) -> None:
        """Count a page of headquarters' edits that was taken in."""
        self._edit_pages.labels(self._zone, tenant).inc()

    def registry_page(self, tenant: str) -> None:
        """Count a page of the registry."""
        self._pages.labels(self._zone, tenant).inc()

    def waits(self, tenant: str, backlog: Backlog) -> None:
        """Show all that waits of a tenant."""
        self._backlog_bytes.labels(self._zone, tenant).set(backlog.bytes)
        self._backlog_entries.labels(self._zone, tenant).set(backlog.entries)
        self._oldest.labels(self._zone, tenant).set(backlog.oldest_age_s)

    def class_waits(
        self, tenant: str, name: str, *, entries: int, size: int, oldest_s: dict[str, float]
    ) -> None:
        """Show what waits of a tenant's class, and how old the oldest is by lane."""
        self._waiting_entries.labels(self._zone, tenant, name).set(entries)
        self._waiting_bytes.labels(self._zone, tenant, name).set(size)
        for lane, age_s in oldest_s.items():
            self._waiting_oldest.labels(self._zone, tenant, name, lane).set(age_s)

    def sent_of(self, tenant: str, name: str) -> dict[str, int]:
        """What was acknowledged of a tenant's class since the worker began, both lanes."""
        tally = self._tallies.get((tenant, name), Counts())
        return {
            "entries": tally["entries"],
            "bytes": tally["bytes"],
            "saved_bytes": tally["saved_bytes"],
            "deadline_misses": tally["deadline_misses"],
        }

    def _counter(self, name: str, what: str, labels: Sequence[str] = ("zone", "tenant")) -> Counter:
        return Counter(f"gridfaas_uplink_{name}_total", what, labels, registry=self.registry)

    def _gauge(self, name: str, what: str, labels: Sequence[str] = ("zone", "tenant")) -> Gauge:
        return Gauge(f"gridfaas_uplink_{name}", what, labels, registry=self.registry)
