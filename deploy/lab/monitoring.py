"""Whether this lab has a Prometheus, and where."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from deploy.lab.failure import LabFailure
from deploy.lab.home import Home
from deploy.lab.ports import PortTaken, require_free
from deploy.lab.topology import link_ports, prometheus_port
from deploy.servers.account import can_reach, server_account
from deploy.servers.prometheus import PrometheusServer, Target
from zones.topology import Topology


class NoPrometheus(LabFailure):
    """The lab goes on without one; the message says why."""


def plan_prometheus(
    home: Home, topology: Topology, *, environ: Mapping[str, str], metrics_key: str
) -> PrometheusServer:
    """Prepare the Prometheus of $PATH, on the port after the gateways'; it is not started.

    `metrics_key` is what it shows to the gateways.

    Raises:
        NoPrometheus: there is none on $PATH, or its port is taken.
    """
    binary = shutil.which("prometheus", path=environ.get("PATH", ""))
    if binary is None:
        raise NoPrometheus("it is not on PATH; each gateway has /metrics and /metrics/agent")
    if not can_reach(Path(binary), server_account()):
        raise NoPrometheus(f"the servers' account cannot reach {binary}")
    port = prometheus_port(topology)
    try:
        require_free([("Prometheus", port)])
    except PortTaken as error:
        raise NoPrometheus(f"port {port} is taken") from error
    return PrometheusServer(
        home.server_state("prometheus"),
        binary=Path(binary).resolve(),
        port=port,
        targets=[Target(zone=zone.name, tier=zone.tier, port=zone.port) for zone in topology.zones],
        links_port=next(reversed(link_ports(topology)), None),
        metrics_key=metrics_key,
        log_path=home.logs / "prometheus.log",
    )
