"""What the agent counts; workers come and go, so their figures are kept here."""

import importlib.metadata
import platform

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
)

from zones.agent.worker_figures import WorkerFigures

LABELS = ("tenant", "function")
START_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class AgentMetrics:
    """Labelled by tenant and function; the zone is the scrape's label, and the workers' own."""

    def __init__(self, *, zone: str) -> None:
        self.zone = zone
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.workers = WorkerFigures()
        self.registry.register(self.workers)
        self.instances = self._gauge("instances", "Workers by state", (*LABELS, "state"))
        self.service_count = Gauge(
            "gateway_service_count",
            "Ready workers of a function of a tenant, 0 after scale to zero",
            ("function_name", "tenant"),
            registry=self.registry,
        )
        self.met: set[tuple[str, str]] = set()
        self.starts = self._counter("instance_starts", "Workers started")
        self.start_failures = self._counter(
            "instance_start_failures", "Starts that gave no ready worker"
        )
        self.start_seconds = Histogram(
            "gridfaas_instance_start_seconds",
            "From the order to a ready worker",
            LABELS,
            buckets=START_BUCKETS,
            registry=self.registry,
        )
        self.deaths = self._counter(
            "instance_deaths", "Ready workers that ended without being told to"
        )
        self.ends = Counter(
            "gridfaas_instance_ends",
            "Workers that ended, by reason",
            (*LABELS, "reason"),
            registry=self.registry,
        )
        self.calls = self._counter(
            "instance_calls", "Calls that workers completed, as they report them"
        )
        self.scrape_failures = self._counter(
            "worker_scrape_failures", "Workers asked for their metrics in vain"
        )
        self.checks = self._gauge("zone_check", "1 where the zone has what it needs", ("check",))
        self.deployments = self._gauge(
            "deployments", "Tenants' functions of this tier by state", ("tenant", "state")
        )
        self.snapshot_version = self._gauge("snapshot_version", "Version in force")
        self.snapshot_heard = self._gauge(
            "snapshot_heard_timestamp_seconds", "Last answer of the parent or the record"
        )
        self.zygote_up = self._gauge("zygote_up", "Whether workers can be started")
        self._gauge("build_info", "1, with versions", ("component", "version", "python")).labels(
            "agent", _version(), platform.python_version()
        ).set(1)

    def meet(self, tenant: str, function: str) -> None:
        """Show a group from now on: a rate counts its first event only if it was 0 before."""
        if (tenant, function) in self.met:
            return
        self.met.add((tenant, function))
        for counter in (self.starts, self.start_failures, self.deaths, self.calls):
            counter.labels(tenant, function)

    def _counter(self, name: str, what: str) -> Counter:
        return Counter(f"gridfaas_{name}", what, LABELS, registry=self.registry)

    def _gauge(self, name: str, what: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"gridfaas_{name}", what, labels, registry=self.registry)


def _version() -> str:
    try:
        return importlib.metadata.version("gridfaas")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
