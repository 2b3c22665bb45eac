"""The lab's Prometheus as a real process."""

import json
import os
import shutil
import socket
import stat
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
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
METRICS_KEY = "gf_metrics_of_the_lab"

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


class Gateway(HTTPServer):
    """Notes who asks for its metrics; it has none."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Scraped)
        self.asked: set[tuple[str, str | None]] = set()


class Scraped(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Gateway)
        self.server.asked.add((self.path, self.headers.get("authorization")))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as gateway:
        thread = threading.Thread(target=gateway.serve_forever)
        thread.start()
        yield gateway
        gateway.shutdown()
        thread.join()


@pytest.fixture
def server(folder: Path, gateway: Gateway) -> Iterator[PrometheusServer]:
    assert BINARY is not None
    server = PrometheusServer(
        folder / "prometheus",
        binary=Path(BINARY).resolve(),
        port=free_port(),
        targets=[Target(zone="zone-1", tier=1, port=gateway.server_port)],
        metrics_key=METRICS_KEY,
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
def test_it_shows_the_metrics_key_from_a_file_of_its_own(
    server: PrometheusServer, gateway: Gateway, folder: Path
) -> None:
    wanted = {(path, f"Bearer {METRICS_KEY}") for path in ("/metrics", "/metrics/agent")}
    deadline = time.monotonic() + START_S
    while gateway.asked != wanted:
        assert gateway.asked <= wanted
        assert time.monotonic() < deadline, server.last_lines()
        time.sleep(0.1)

    config = folder / "prometheus" / "config"
    key = config / "secrets" / "metrics_key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert METRICS_KEY not in (config / "prometheus.yml").read_text()


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
        plan_prometheus(home, lab_topology(), environ={"PATH": str(folder)}, metrics_key="k")


def test_a_taken_port_is_said(folder: Path) -> None:
    binary = folder / "prometheus"
    binary.touch(0o755)
    home = Home(folder / "state", folder / "run")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        topology = lab_topology(first_port=port - len(lab_topology().zones))

        with pytest.raises(NoPrometheus, match=f"port {port} is taken"):
            plan_prometheus(home, topology, environ={"PATH": str(folder)}, metrics_key="k")

    planned = plan_prometheus(
        home, topology, environ={"PATH": f"{folder}{os.pathsep}/bin"}, metrics_key="k"
    )
    assert planned.url == f"http://127.0.0.1:{port}"
