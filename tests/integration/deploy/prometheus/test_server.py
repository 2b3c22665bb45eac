"""The lab's Prometheus as a real process."""

import json
import os
import shutil
import socket
import stat
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import yaml

from deploy.lab.home import Home
from deploy.lab.monitoring import NoPrometheus, plan_prometheus
from deploy.lab.topology import lab_topology
from deploy.servers.prometheus import PrometheusServer, Target
from tests.integration.deploy.prometheus.promtool import RULES

BINARY = shutil.which("prometheus")
START_S = 30.0

needs_prometheus = pytest.mark.skipif(
    BINARY is None, reason="Prometheus is not installed (Debian: apt install prometheus)"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the servers' account can pass through."""
    with tempfile.TemporaryDirectory(prefix="gf-prom-", dir="/tmp") as made:
        Path(made).chmod(0o711)
        yield Path(made)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def server(folder: Path) -> Iterator[PrometheusServer]:
    assert BINARY is not None
    server = PrometheusServer(
        folder / "prometheus",
        binary=Path(BINARY).resolve(),
        port=free_port(),
        targets=[Target(zone="zone-1", tier=1, port=free_port())],
        log_path=folder / "prometheus.log",
    )
    server.launch()
    yield server
    server.stop()


def ask(server: PrometheusServer, path: str) -> Any:
    """Ask the API, waiting for it to come up."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(f"{server.url}/api/v1/{path}", timeout=5) as answer:
                return json.load(answer)["data"]
        except (OSError, urllib.error.HTTPError):
            assert server.alive(), server.last_lines()
            assert time.monotonic() < deadline, server.last_lines()
            time.sleep(0.1)


@needs_prometheus
def test_it_runs_our_rules_on_our_targets(server: PrometheusServer) -> None:
    groups = ask(server, "rules")["groups"]
    written = [yaml.safe_load(path.read_text()) for path in RULES]

    assert {group["name"] for group in groups} == {
        group["name"] for file in written for group in file["groups"]
    }
    # Targets that stand in a file are found some seconds after the start.
    deadline = time.monotonic() + START_S
    while len(targets := ask(server, "targets")["activeTargets"]) < 3:
        assert time.monotonic() < deadline, targets
        time.sleep(0.1)
    assert {(one["labels"]["job"], urlsplit(one["scrapeUrl"]).path) for one in targets} == {
        ("gateway", "/metrics"),
        ("agent", "/metrics/agent"),
        ("prometheus", "/metrics"),
    }
    assert {one["labels"].get("zone") for one in targets} == {"zone-1", None}


@needs_prometheus
def test_it_is_private_and_ends_with_its_data_whole(server: PrometheusServer, folder: Path) -> None:
    ask(server, "status/runtimeinfo")
    assert server.pid is not None
    process = psutil.Process(server.pid)

    listening = {c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}
    assert process.uids().real == server.account.uid
    assert server.account.uid != 0
    assert stat.S_IMODE((folder / "prometheus" / "data").stat().st_mode) == 0o700
    server.stop()

    assert not process.is_running()
    assert server.pid is None
    server.launch()
    assert ask(server, "status/runtimeinfo")["storageRetention"] == "15d or 512MiB"


def test_a_lab_without_its_binary_goes_on(folder: Path) -> None:
    home = Home(folder / "state", folder / "run")

    with pytest.raises(NoPrometheus, match="not on PATH"):
        plan_prometheus(home, lab_topology(), environ={"PATH": str(folder)})


def test_a_taken_port_is_said(folder: Path) -> None:
    binary = folder / "prometheus"
    binary.touch(0o755)
    home = Home(folder / "state", folder / "run")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        topology = lab_topology(first_port=port - len(lab_topology().zones))

        with pytest.raises(NoPrometheus, match=f"port {port} is taken"):
            plan_prometheus(home, topology, environ={"PATH": str(folder)})

    planned = plan_prometheus(home, topology, environ={"PATH": f"{folder}{os.pathsep}/bin"})
    assert planned.url == f"http://127.0.0.1:{port}"
