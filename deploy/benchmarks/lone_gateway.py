"""Our gateway in front of given workers: a real process, all it does for a call switched on."""

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil

from deploy.benchmarks.child import running_module
from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.listening import HOST, free_port, listening
from storage.platform.functions.spec import FunctionSpec
from storage.platform.keys import Role, hash_key, mint_key, mint_key_id
from storage.platform.snapshot import KeyEntry, Snapshot, TenantEntry, ZoneEntry, save_snapshot

TENANT = "bench"
ZONE = "zone-3a"
# Limits that are counted, and not reached by any client on one machine.
NO_LIMIT_PER_S = 1_000_000
READY_S = 10.0
LOG_CONFIG = Path(__file__).parents[1] / "logging.json"


class LoneGateway:
    """The running gateway; `url` calls the function `name` with `key`."""

    def __init__(self, process: psutil.Process, *, port: int, key: str) -> None:
        self.process = process
        self.key = key
        self._port = port

    def url(self, name: str) -> str:
        """Return the address of a function."""
        return f"http://{HOST}:{self._port}/function/{name}"


@contextmanager
def lone_gateway(
    folder: Path, *, functions: Sequence[FunctionSpec], workers: Sequence[dict[str, Any]]
) -> Iterator[LoneGateway]:
    """Run a gateway whose tenant has `functions`, each served by all `workers` (as an agent lists
    them: id, socket, concurrency). What it writes goes to `folder`.

    Raises:
        MeasurementFailed: it did not start.
    """
    folder.mkdir()
    key = mint_key()
    save_snapshot(folder / "snapshot.json", _snapshot(key))
    answers = folder / "agent.json"
    deployed = [
        {"tenant": TENANT, "version": 1, "digest": "", "spec": msgspec.to_builtins(spec)}
        for spec in functions
    ]
    answers.write_text(
        json.dumps(
            {
                "/readyz": {"ready": True},
                "/v1/functions": {"functions": [], "deployed": deployed},
                "/v1/instances": {"version": 1, "instances": list(workers)},
            }
        )
    )
    port = free_port()
    env = {
        "GRIDFAAS_ZONE": ZONE,
        "GRIDFAAS_TIER": "3",
        "GRIDFAAS_STATE_DIR": str(folder),
        "GRIDFAAS_RUN_DIR": str(folder),
        "GRIDFAAS_SECRETS_DIR": str(folder),
        "GRIDFAAS_HOST": HOST,
        "GRIDFAAS_PORT": str(port),
        "GRIDFAAS_LOG_CONFIG": str(LOG_CONFIG),
        "GRIDFAAS_TENANT_CALLS_PER_S": str(NO_LIMIT_PER_S),
        "GRIDFAAS_KEY_CALLS_PER_S": str(NO_LIMIT_PER_S),
    }
    agent = running_module("deploy.benchmarks.fixed_agent", f"{folder}/agent.sock", str(answers))
    command = [sys.executable, "-m", "gateway"]
    with agent, listening(command, port=port, log=folder / "gateway.log", env=env) as process:
        _wait_until_ready(port)
        yield LoneGateway(process, port=port, key=key)


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + READY_S
    while True:
        try:
            urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=READY_S).close()
            return
        except urllib.error.HTTPError as error:
            if time.monotonic() > deadline:
                raise MeasurementFailed(f"the gateway is not ready: {error}") from error
        time.sleep(0.05)


def _snapshot(key: str) -> Snapshot:
    return Snapshot(
        version=1,
        zone=ZONE,
        zones=[ZoneEntry(name=ZONE, tier=3)],
        tenants=[TenantEntry(slug=TENANT, number=1, name="Benchmark", zones=[ZONE])],
        keys=[
            KeyEntry(
                key_id=mint_key_id(),
                hash=hash_key(key),
                tenant=TENANT,
                role=Role.TENANT_SERVICE,
                scopes=[],
            )
        ],
    )
