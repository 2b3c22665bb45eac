"""What a gateway holds at the moment that it is asked: calls, snapshot, ledger, versions."""

import importlib.metadata
import platform
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.instances import Instances
from gateway.ledger.log import LedgerLog
from gateway.snapshot_watch import SnapshotWatch


class GatewayGauges(Collector):
    """Reads its figures from the parts that have them; nothing is kept here."""

    def __init__(
        self, *, zone: str, instances: Instances, snapshots: SnapshotWatch, ledger: LedgerLog
    ) -> None:
        self._zone = zone
        self._instances = instances
        self._snapshots = snapshots
        self._ledger = ledger

    def collect(self) -> Iterator[Metric]:
        """Give every gauge."""
        labels = ["function_name", "tenant", "zone"]
        running = GaugeMetricFamily(
            "gateway_calls_in_flight", "Calls that workers have.", labels=labels
        )
        waiting = GaugeMetricFamily(
            "gateway_calls_waiting", "Calls that wait for a worker to come free.", labels=labels
        )
        for tenant, function, fleet in self._instances.fleets():
            running.add_metric([function, tenant, self._zone], fleet.in_flight)
            waiting.add_metric([function, tenant, self._zone], fleet.waiting)
        yield running
        yield waiting
        if self._snapshots.loaded:
            yield self._plain(
                "gateway_snapshot_version",
                "Version of tenants and keys in force.",
                self._snapshots.ring.snapshot.version,
            )
        yield self._plain(
            "gateway_ledger_writable",
            "1 while invocations can be written down.",
            self._ledger.writable,
        )
        build = GaugeMetricFamily(
            "gridfaas_build_info", "1, with versions.", labels=["component", "version", "python"]
        )
        build.add_metric(["gateway", _version(), platform.python_version()], 1)
        yield build

    def _plain(self, name: str, what: str, value: float) -> GaugeMetricFamily:
        gauge = GaugeMetricFamily(name, what, labels=["zone"])
        gauge.add_metric([self._zone], value)
        return gauge


def _version() -> str:
    try:
        return importlib.metadata.version("gridfaas")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
