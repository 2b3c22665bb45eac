"""A zone around a real gateway process: an agent, workers, a snapshot, keys."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from storage.platform.keys import hash_key
from storage.platform.snapshot import (
    DeploymentEntry,
    KeyEntry,
    Snapshot,
    TenantEntry,
    ZoneEntry,
    save_snapshot,
)

HERE = Path(__file__).parent
START_S = 20.0

ACME, WRITER_ONLY, BETA, EXPIRED = "gf_acme", "gf_acme_writer", "gf_beta", "gf_expired"
ADMIN, ZONE, SIBLING = "gf_admin", "gf_zone3a", "gf_zone3b"
OWN_ZONE = "gf_zone2"

ZONES = [
    ZoneEntry(name="zone-1", tier=1),
    ZoneEntry(name="zone-2", tier=2, parent="zone-1"),
    ZoneEntry(name="zone-3a", tier=3, parent="zone-2"),
    ZoneEntry(name="zone-3b", tier=3, parent="zone-2"),
]
TENANTS = [
    TenantEntry(slug="acme", number=1, name="Acme", zones=["zone-2", "zone-3a"]),
    TenantEntry(slug="beta", number=2, name="Beta", zones=["zone-2", "zone-3b"]),
]


def key_entry(text: str, role: str, **facts: Any) -> KeyEntry:
    facts.setdefault("tenant", None)
    facts.setdefault("scopes", ["echo:read", "echo:write"])
    return KeyEntry(key_id=f"id-{text}", hash=hash_key(text), role=role, **facts)


KEYS = [
    key_entry(ACME, "tenant-service", tenant="acme"),
    key_entry(WRITER_ONLY, "meter", tenant="acme", scopes=["echo:write"]),
    key_entry(BETA, "tenant-service", tenant="beta"),
    key_entry(EXPIRED, "meter", tenant="acme", expires_at=datetime.now(UTC) - timedelta(seconds=1)),
    key_entry(ADMIN, "platform-admin"),
    key_entry(ZONE, "zone", zone="zone-3a"),
    key_entry(SIBLING, "zone", zone="zone-3b"),
    key_entry(OWN_ZONE, "zone", zone="zone-2"),
]


def function(name: str, **facts: Any) -> dict[str, Any]:
    return {
        "name": name,
        "tiers": [1, 2, 3],
        "route_prefix": f"/v1/{name}",
        "role": "FaaS",
        "scopes": {"read": ["echo:read"], "write": ["echo:write"]},
        "timeout_s": 20,
        "concurrency": 4,
        "max_body_bytes": 1 << 20,
        "owner": "tenant",
        **facts,
    }


def deployed(tenant: str, name: str, **facts: Any) -> dict[str, Any]:
    """A tenant's own function, as the agent lists it."""
    spec = {"name": name, "timeout_s": 20, "concurrency": 4, **facts}
    return {"tenant": tenant, "version": 1, "digest": "0" * 64, "spec": spec}


def wait_for_socket(process: subprocess.Popen[bytes], family: int, address: Any) -> None:
    deadline = time.monotonic() + START_S
    while True:
        assert process.poll() is None, "the process ended at its start"
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(address) == 0:
                return
        assert time.monotonic() < deadline, "the process does not listen"
        time.sleep(0.01)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class ZoneUnderTest:
    """Processes and files of zone-2; `close` ends them all."""

    def __init__(self, folder: Path, *, tier: int = 2, zone: str = "zone-2") -> None:
        self.folder = folder
        self.tier = tier
        self.zone = zone
        self.port = free_port()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.functions: list[dict[str, Any]] = []
        self.deployed: list[dict[str, Any]] = []
        self.instances: dict[str, list[dict[str, Any]]] = {}
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        self.workers = 0
        self.publish(version=1)

    def publish(
        self,
        *,
        version: int,
        keys: list[KeyEntry] = KEYS,
        tenants: list[TenantEntry] = TENANTS,
        deployments: Sequence[DeploymentEntry] = (),
    ) -> None:
        snapshot = Snapshot(
            version=version,
            zone=self.zone,
            zones=ZONES,
            tenants=tenants,
            keys=keys,
            deployments=list(deployments),
        )
        save_snapshot(self.folder / "snapshot.json", snapshot)

    def tell_agent(self) -> None:
        state = {
            "functions": self.functions,
            "deployed": self.deployed,
            "instances": self.instances,
        }
        fresh = self.folder / "agent.json.new"
        fresh.write_text(json.dumps(state))
        fresh.rename(self.folder / "agent.json")

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return process

    def start_agent(self) -> None:
        self.tell_agent()
        path = str(self.folder / "agent.sock")
        process = self.start(str(HERE / "agent_process.py"), path, str(self.folder / "agent.json"))
        wait_for_socket(process, socket.AF_UNIX, path)

    def start_worker(self) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
        self.workers += 1
        path = str(self.folder / f"w{self.workers}.sock")
        process = self.start(str(HERE / "worker_process.py"), path)
        wait_for_socket(process, socket.AF_UNIX, path)
        return process, {"id": f"w{self.workers}", "socket": path, "concurrency": 4}

    def environment(self) -> dict[str, str]:
        return {
            "GRIDFAAS_ZONE": self.zone,
            "GRIDFAAS_TIER": str(self.tier),
            "GRIDFAAS_STATE_DIR": str(self.folder),
            "GRIDFAAS_RUN_DIR": str(self.folder),
            "GRIDFAAS_SECRETS_DIR": str(self.secrets),
            "GRIDFAAS_HOST": "127.0.0.1",
            "GRIDFAAS_PORT": str(self.port),
            "GRIDFAAS_CATALOGUE_REFRESH_S": "0.05",
            "GRIDFAAS_INSTANCES_FRESH_S": "0.05",
            "GRIDFAAS_SNAPSHOT_CHECK_S": "0.05",
        }

    def start_gateway(self) -> subprocess.Popen[bytes]:
        process = self.start("-m", "gateway", **self.environment())
        wait_for_socket(process, socket.AF_INET, ("127.0.0.1", self.port))
        return process

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while (last := self.call("GET", "/readyz", key=None)).status != 200:
            assert time.monotonic() < deadline, last.body
            time.sleep(0.02)

    def call(
        self,
        method: str,
        path: str,
        *,
        key: str | None = ACME,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        chunked: bool = False,
    ) -> "Answer":
        sent = dict(headers or {})
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=sent, encode_chunked=chunked)
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers.items()), response.read())
        finally:
            connection.close()

    def raw(self, data: bytes) -> bytes:
        """Send bytes as they are and return all that comes until the gateway closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(data)
            answer = b""
            while data := connection.recv(65_536):
                answer += data
            return answer

    def close(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


class Answer:
    """A whole answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def problem(self) -> tuple[int, str]:
        """Status and slug, after a look at what every problem has."""
        assert self.headers["content-type"] == "application/problem+json", self.body
        found = self.json
        assert found["status"] == self.status
        assert found["title"]
        assert found["detail"]
        assert found["request_id"]
        return self.status, found["type"].removeprefix("urn:gridfaas:problem:")
