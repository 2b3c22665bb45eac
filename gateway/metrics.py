"""Counts of calls in Prometheus form, named as OpenFaaS names them."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from gateway.invocation import Invocation

LABELS = ["function_name", "tenant", "zone", "code"]
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_BOUNDS = [*map(str, BUCKETS), "+Inf"]


class CallMetrics(Collector):
    """Observes calls; labels are bounded by the functions and tenants that exist.

    Plain numbers, made into metrics when asked: the library's counters, each with its lock, took
    a tenth of a call's processor time.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls: defaultdict[tuple[str, str, str, int], int] = defaultdict(int)
        self._refused: defaultdict[tuple[str, str, str, str], int] = defaultdict(int)
        # Calls by bucket, and their seconds in the last place.
        self._seconds: dict[tuple[str, str, str], list[float]] = {}
        registry.register(self)

    def ended(self, call: Invocation) -> None:
        """Count the call; one that never reached a function has empty labels."""
        function, tenant, zone = call.function or "", call.tenant or "", call.zone
        self._calls[function, tenant, zone, call.status // 100] += 1
        if call.problem is not None:
            self._refused[function, tenant, zone, call.problem] += 1
        seconds = self._seconds.get((function, tenant, zone))
        if seconds is None:
            seconds = self._seconds[function, tenant, zone] = [0.0] * (len(_BOUNDS) + 1)
        seconds[bisect_left(BUCKETS, call.total_s)] += 1
        seconds[-1] += call.total_s

    def collect(self) -> Iterator[Metric]:
        """Give every count."""
        calls = CounterMetricFamily(
            "gateway_function_invocation",
            "Calls that ended, by function, tenant, zone and class of status (2xx, 4xx, 5xx).",
            labels=LABELS,
        )
        for (*whose, status_class), count in self._calls.items():
            calls.add_metric([*whose, f"{status_class}xx"], count)
        yield calls
        refused = CounterMetricFamily(
            "gateway_refused",
            "Calls that the gateway itself answered with a problem, by its type.",
            labels=[*LABELS[:3], "problem"],
        )
        for labels, times in self._refused.items():
            refused.add_metric(labels, times)
        yield refused
        took = HistogramMetricFamily(
            "gateway_functions_seconds",
            "Seconds from the first byte of a call to its answer.",
            labels=LABELS[:3],
        )
        for names, (*counts, total) in self._seconds.items():
            buckets = list(zip(_BOUNDS, accumulate(counts), strict=True))
            took.add_metric(names, buckets, total)
        yield took
