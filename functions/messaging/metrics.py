"""What messaging counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from storage.hot.queues.record import CallRecord, State

SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)


class MessagingMetrics:
    """Counters of one worker, in a registry of their own."""

    def __init__(self, *, zone: str) -> None:
        self.registry = CollectorRegistry()
        self._zone = zone
        labels = ("zone", "tenant", "called", "origin")
        self._accepted = self._counter("calls_accepted", "Calls queued.", labels)
        self._ended = self._counter("calls_ended", "Calls that ended.", (*labels, "state"))
        self._again = self._counter(
            "calls_tried_again", "Tries to be repeated.", (*labels, "counted")
        )
        self._seconds = Histogram(
            "gridfaas_messaging_try_seconds",
            "How long a try took.",
            ("zone", "tenant", "called"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._refused = self._counter(
            "refused", "Calls and messages turned down at a limit.", ("zone", "tenant", "limit")
        )
        self._told = self._counter(
            "callbacks", "Attempts at callbacks.", ("zone", "tenant", "outcome")
        )
        self._published = self._counter(
            "published", "Messages published.", ("zone", "tenant", "topic")
        )
        self._fired = self._counter("fired", "Schedules fired.", ("zone", "tenant", "called"))
        self._open = Gauge(
            "gridfaas_messaging_calls_open",
            "Calls that wait or run.",
            ("zone", "tenant", "called"),
            registry=self.registry,
        )
        self._oldest = Gauge(
            "gridfaas_messaging_oldest_due_seconds",
            "For how long the call that has waited longest is due.",
            ("zone", "tenant"),
            registry=self.registry,
        )
        self._letters = Gauge(
            "gridfaas_messaging_dead_letters",
            "Calls that failed and are kept.",
            ("zone", "tenant"),
            registry=self.registry,
        )

    def accepted(self, tenant: str, function: str, origin: str, *, count: int = 1) -> None:
        """Count calls that were queued."""
        self._accepted.labels(self._zone, tenant, function, origin).inc(count)

    def tried(self, tenant: str, record: CallRecord, *, seconds: float) -> None:
        """Count one try."""
        self._seconds.labels(self._zone, tenant, record.request.function).observe(seconds)

    def ended(self, tenant: str, record: CallRecord, state: State) -> None:
        """Count a call that ended."""
        self._ended.labels(*self._of(tenant, record), state.value).inc()

    def again(self, tenant: str, record: CallRecord, *, counted: bool) -> None:
        """Count a try that is to be repeated."""
        self._again.labels(*self._of(tenant, record), str(counted).lower()).inc()

    def refused(self, tenant: str, limit: str) -> None:
        """Count a refusal."""
        self._refused.labels(self._zone, tenant, limit).inc()

    def told(self, tenant: str, outcome: str) -> None:
        """Count an attempt at a callback: delivered, failed or pending."""
        self._told.labels(self._zone, tenant, outcome).inc()

    def published(self, tenant: str, topic: str) -> None:
        """Count a message."""
        self._published.labels(self._zone, tenant, topic).inc()

    def fired(self, tenant: str, function: str) -> None:
        """Count a schedule's call."""
        self._fired.labels(self._zone, tenant, function).inc()

    def waits(
        self, tenant: str, *, open_calls: dict[str, int], oldest_s: float, letters: int
    ) -> None:
        """Show what waits."""
        for function, count in open_calls.items():
            self._open.labels(self._zone, tenant, function).set(count)
        self._oldest.labels(self._zone, tenant).set(oldest_s)
        self._letters.labels(self._zone, tenant).set(letters)

    def clear_open(self) -> None:
        """Forget the functions of the last look: those without calls are not told any more."""
        self._open.clear()

    def _of(self, tenant: str, record: CallRecord) -> tuple[str, str, str, str]:
        return self._zone, tenant, record.request.function, record.origin.value

    def _counter(self, name: str, what: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"gridfaas_messaging_{name}_total", what, labels, registry=self.registry)
