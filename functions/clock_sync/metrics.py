"""What clock_sync shows of a zone's time."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from functions.clock_sync.standing import Standing


class ClockMetrics:
    """Figures of one worker, in a registry of their own; lengths in seconds."""

    def __init__(self, *, zone: str) -> None:
        self.registry = CollectorRegistry()
        self._zone = zone
        self._offset = self._gauge("offset_seconds", "What the machine's system clock lacks.")
        self._delay = self._gauge("delay_seconds", "Round trip of the best exchange.")
        self._jitter = self._gauge("jitter_seconds", "By how much the last offsets differ.")
        self._stratum = self._gauge("stratum", "1 at headquarters, 16 for not synchronised.")
        self._synchronised = self._gauge("synchronised", "0 while the time is not to be used.")
        self._root_delay = self._gauge("root_delay_seconds", "Round trip to headquarters.")
        self._root_dispersion = self._gauge(
            "root_dispersion_seconds", "Error that may have added up since headquarters was asked."
        )
        self._heard = Gauge(
            "gridfaas_clock_heard_timestamp_seconds",
            "When the parent last told the time.",
            ("zone",),
            registry=self.registry,
        )
        self._sntp = self._gauge("sntp_up", "Whether SNTP is served.")
        self._polls = self._counter("polls", "Questions to the parent.")
        self._exchanges = self._counter("exchanges", "Questions answered over HTTP.")
        self._packets = self._counter("sntp_packets", "SNTP packets taken in.")

    def show(self, standing: Standing) -> None:
        """Show how good the time is now."""
        self._offset.set(standing.offset_us / 1e6)
        self._delay.set(standing.delay_us / 1e6)
        self._jitter.set(standing.jitter_us / 1e6)
        self._stratum.set(standing.stratum)
        self._synchronised.set(standing.synchronised)
        self._root_delay.set(standing.root_delay_us / 1e6)
        self._root_dispersion.set(standing.root_dispersion_us / 1e6)
        if standing.heard_us is not None:
            self._heard.labels(self._zone).set(standing.heard_us / 1e6)

    def polled(self, outcome: str) -> None:
        """Count a question to the parent: taken, unreachable, refused, impossible or
        unsynchronised."""
        self._polls.labels(self._zone, outcome).inc()

    def exchanged(self, *, synchronised: bool) -> None:
        """Count a question over HTTP, of however many meters."""
        outcome = "answered" if synchronised else "unsynchronised"
        self._exchanges.labels(self._zone, outcome).inc()

    def packet(self, outcome: str) -> None:
        """Count an SNTP packet: answered, unsynchronised, rate, dropped or malformed."""
        self._packets.labels(self._zone, outcome).inc()

    def sntp(self, *, up: bool) -> None:
        """Show whether SNTP is served."""
        self._sntp.set(up)

    def _gauge(self, name: str, what: str) -> Gauge:
        gauge = Gauge(f"gridfaas_clock_{name}", what, ("zone",), registry=self.registry)
        return gauge.labels(self._zone)

    def _counter(self, name: str, what: str) -> Counter:
        return Counter(
            f"gridfaas_clock_{name}_total", what, ("zone", "outcome"), registry=self.registry
        )
