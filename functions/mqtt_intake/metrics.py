"""What an MQTT intake counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_LABELS = ("tenant", "zone")
OUTCOMES = ("taken", "refused", "failed", "misdirected", "dropped")


class IntakeMetrics:
    """Figures of one worker, in a registry of their own."""

    def __init__(self, *, tenant: str, zone: str) -> None:
        self.registry = CollectorRegistry()
        self._identity = (tenant, zone)
        messages = Counter(
            "gridfaas_mqtt_intake_messages_total",
            "Messages by what became of them.",
            (*_LABELS, "outcome"),
            registry=self.registry,
        )
        self._messages = {name: messages.labels(*self._identity, name) for name in OUTCOMES}
        self.bytes = self._counter("received_bytes", "Bytes of the messages' bodies.")
        self.answers = self._counter("answers", "Answers that the broker took.")
        self.unanswered = self._counter(
            "unanswered", "Messages answered nowhere: no response topic, or the broker refused."
        )
        self.postponed = self._counter("postponed", "Messages left to be sent again by the broker.")
        self.retries = self._counter("retries", "Further tries to hand a message to mdms.")
        self.connections = self._counter("connections", "Connections to the broker.")
        self.connected = self._gauge("connected", "0 while there is no connection to the broker.")
        self.in_flight = self._gauge("in_flight", "Messages that are not acknowledged yet.")
        self.took = Histogram(
            "gridfaas_mqtt_intake_answer_seconds",
            "From a message to its answer.",
            _LABELS,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self.registry,
        ).labels(*self._identity)

    def ended(self, outcome: str) -> None:
        """Count a message by one of `OUTCOMES`."""
        self._messages[outcome].inc()

    def _counter(self, name: str, what: str) -> Counter:
        return Counter(
            f"gridfaas_mqtt_intake_{name}_total", what, _LABELS, registry=self.registry
        ).labels(*self._identity)

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(f"gridfaas_mqtt_intake_{name}", what, _LABELS, registry=self.registry).labels(
            *self._identity
        )
