"""Counters of calls in Prometheus form, named as OpenFaaS names them."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from gateway.invocation import Invocation

LABELS = ["function_name", "tenant", "zone", "code"]
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class CallMetrics:
    """Observes calls; labels are bounded by the functions and tenants that exist."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "gateway_function_invocation",
            "Calls that ended, by function, tenant, zone and class of status (2xx, 4xx, 5xx).",
            LABELS,
            registry=registry,
        )
        self._refused = Counter(
            "gateway_refused",
            "Calls that the gateway itself answered with a problem, by its type.",
            ["function_name", "tenant", "zone", "problem"],
            registry=registry,
        )
        self._seconds = Histogram(
            "gateway_functions_seconds",
            "Seconds from the first byte of a call to its answer.",
            ["function_name", "tenant", "zone"],
            buckets=BUCKETS,
            registry=registry,
        )
        # labels() takes a lock and sorts; the sets are small, so each is asked for once.
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._histograms: dict[tuple[str, str], Histogram] = {}

    def ended(self, call: Invocation) -> None:
        """Count the call; one that never reached a function has empty labels."""
        function, tenant, status_class = call.function or "", call.tenant or "", call.status // 100
        counter = self._counters.get((function, tenant, status_class))
        if counter is None:
            counter = self._calls.labels(function, tenant, call.zone, f"{status_class}xx")
            self._counters[function, tenant, status_class] = counter
        counter.inc()
        if call.problem is not None:
            self._refused.labels(function, tenant, call.zone, call.problem).inc()
        histogram = self._histograms.get((function, tenant))
        if histogram is None:
            histogram = self._seconds.labels(function, tenant, call.zone)
            self._histograms[function, tenant] = histogram
        histogram.observe(call.total_s)
