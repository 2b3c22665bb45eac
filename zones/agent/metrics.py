"""What the agent counts; workers come and go, so their figures are kept here."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class AgentMetrics:
    """Labelled by tenant and function only; the zone is the scrape's label."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("tenant", "function")
        self.instances = Gauge(
            "gridfaas_instances",
            "Workers by state",
            (*labels, "state"),
            registry=self.registry,
        )
        self.starts = Counter(
            "gridfaas_instance_starts", "Workers started", labels, registry=self.registry
        )
        self.start_failures = Counter(
            "gridfaas_instance_start_failures",
            "Starts that gave no ready worker",
            labels,
            registry=self.registry,
        )
        self.start_seconds = Histogram(
            "gridfaas_instance_start_seconds",
            "From the order to a ready worker",
            labels,
            buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
            registry=self.registry,
        )
        self.deaths = Counter(
            "gridfaas_instance_deaths",
            "Ready workers that ended without being told to",
            labels,
            registry=self.registry,
        )
        self.calls = Counter(
            "gridfaas_instance_calls",
            "Calls that workers completed, as they report them",
            labels,
            registry=self.registry,
        )
        self.snapshot_version = Gauge(
            "gridfaas_snapshot_version", "Version in force", registry=self.registry
        )
        self.snapshot_heard = Gauge(
            "gridfaas_snapshot_heard_timestamp_seconds",
            "Last answer of the parent or the record",
            registry=self.registry,
        )
        self.zygote_up = Gauge(
            "gridfaas_zygote_up", "Whether workers can be started", registry=self.registry
        )
