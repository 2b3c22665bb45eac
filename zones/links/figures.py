"""What links carry, as Prometheus reads it: by link, direction and path."""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from zones.links.alarms import now
from zones.links.lane import Lane
from zones.links.relay import Relay

BY_LANE = ("link", "direction", "path")
BY_PATH = ("link", "path")


class LinkFigures(Collector):
    """Reads the models at the moment of asking; to be asked on the loop's own thread."""

    def __init__(self, relays: Sequence[Relay]) -> None:
        self._relays = relays

    def collect(self) -> Iterable[Metric]:
        """Yield one family after the other."""
        yield from self._of_lanes()
        yield from self._of_paths()
        yield from self._of_links()

    def _of_lanes(self) -> Iterator[Metric]:
        counted = (
            ("bytes", "Payload bytes put on the path."),
            ("lost_bytes", "Of them those that it lost when it failed or the connection broke."),
            ("derived_segments", "Full TCP segments that these bytes make; derived, not seen."),
            ("derived_resent_segments", "Segments sent again for loss; derived, not seen."),
        )
        for index, (name, what) in enumerate(counted):
            counter = CounterMetricFamily(f"gridfaas_emulated_link_{name}", what, labels=BY_LANE)
            for labels, lane in self._lanes():
                carried = lane.carried
                values = (carried.bytes, carried.lost_bytes, carried.segments, carried.resent)
                counter.add_metric(labels, values[index])
            yield counter
        shown = (
            ("delay_seconds", "One way, as it is emulated now."),
            ("jitter_seconds", "By how much delay varies either way."),
            ("rate_bits_per_second", "What the path can carry; infinite without a limit."),
            ("loss_ratio", "Probability that a segment is lost."),
        )
        for index, (name, what) in enumerate(shown):
            gauge = GaugeMetricFamily(f"gridfaas_emulated_link_{name}", what, labels=BY_LANE)
            for labels, lane in self._lanes():
                line = lane.line
                rate = float("inf") if line.rate_mbps is None else line.rate_mbps * 1e6
                figures = (line.delay_ms / 1e3, line.jitter_ms / 1e3, rate, line.loss)
                gauge.add_metric(labels, figures[index])
            yield gauge

    def _of_paths(self) -> Iterator[Metric]:
        works = GaugeMetricFamily(
            "gridfaas_emulated_link_path_up", "0 while it is cut.", labels=BY_PATH
        )
        used = GaugeMetricFamily(
            "gridfaas_emulated_link_path_used", "1: it is in use.", labels=BY_PATH
        )
        taken = CounterMetricFamily(
            "gridfaas_emulated_link_takeovers",
            "How often the path took over from another.",
            labels=BY_PATH,
        )
        for relay in self._relays:
            choice = relay.link.choice
            for path in relay.link.lanes:
                labels = (relay.link.name, path)
                works.add_metric(labels, choice.works(path))
                used.add_metric(labels, choice.active == path)
                taken.add_metric(labels, choice.changes[path])
        yield from (works, used, taken)

    def _of_links(self) -> Iterator[Metric]:
        outage = self._counter("outage_seconds", "Time without a path in use.")
        gap = self._gauge("takeover_seconds", "How long the last takeover left no path in use.")
        open_now = self._gauge("connections", "Open connections.")
        opened = self._counter("connections_opened", "Connections so far.")
        refused = self._counter("connections_refused", "Connections too many.")
        broken = self._counter("connections_broken", "Connections that did not end in order.")
        held = GaugeMetricFamily(
            "gridfaas_emulated_link_held_bytes",
            "Bytes under way, or waiting for a path.",
            labels=("link", "direction"),
        )
        for relay in self._relays:
            name = (relay.link.name,)
            outage.add_metric(name, relay.link.choice.outage_s(now()))
            gap.add_metric(name, relay.link.choice.last_gap_s)
            open_now.add_metric(name, relay.open_connections)
            opened.add_metric(name, relay.link.connections)
            refused.add_metric(name, relay.refused)
            broken.add_metric(name, relay.broken)
            for direction, size in relay.link.held_bytes.items():
                held.add_metric((*name, direction), size)
        yield from (outage, gap, open_now, opened, refused, broken, held)

    def _lanes(self) -> Iterator[tuple[tuple[str, str, str], Lane]]:
        for relay in self._relays:
            for path, lanes in relay.link.lanes.items():
                for direction, lane in lanes.items():
                    yield (relay.link.name, direction, path), lane

    @staticmethod
    def _counter(name: str, what: str) -> CounterMetricFamily:
        return CounterMetricFamily(f"gridfaas_emulated_link_{name}", what, labels=("link",))

    @staticmethod
    def _gauge(name: str, what: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"gridfaas_emulated_link_{name}", what, labels=("link",))


class LinkMetrics:
    """The registry of a process of links."""

    def __init__(self, relays: Sequence[Relay]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(LinkFigures(relays))
