"""An agent of an edge zone as its own process, on a real Valkey, with two functions to run."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from storage.platform.snapshot import Snapshot, TenantEntry, ZoneEntry, save_snapshot

ROOT = Path(__file__).parents[3]
DEADLINE_S = 30.0

FUNCTION_YAML = """
name: {name}
tiers: {tiers}
role: FaaS
route_prefix: /v1/{name}
app: "{name}_app:create_app"
idle_s: {idle_s}
memory_mb: 64
"""

RAW_APP = '''
"""Says who it is."""

import json
import os
import sys


def create_app(config):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        answer = {
            "pid": os.getpid(),
            "uids": os.getresuid(),
            "gids": os.getresgid(),
            "groups": os.getgroups(),
            "tenant": config.tenant,
            "redis_url": config.redis_url,
            "zone_credential": config.zone_credential,
            "environ": dict(os.environ),
            "argv": sys.orig_argv,
            "no_new_privs": "NoNewPrivs:\\t1" in open("/proc/self/status").read(),
        }
        body = json.dumps(answer).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
'''

FASTAPI_APP = '''
"""Opens the clients that services open, then says what had to be imported for it."""

import contextlib
import sys

import asyncpg
import httpx
import redis.asyncio
from fastapi import FastAPI
from pydantic import BaseModel

from functions.runtime.tls import client_context


class Answer(BaseModel):
    tenant: str
    imported_late: list[str]


def create_app(config):
    before = set(sys.modules)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        async with httpx.AsyncClient(verify=client_context()) as client:
            app.state.http = client
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def root() -> Answer:
        store = redis.asyncio.from_url(config.redis_url)
        await store.ping()
        await store.aclose()
        with contextlib.suppress(OSError):
            await asyncpg.connect("postgresql://nobody:none@/none?host=/nonexistent")
        with contextlib.suppress(httpx.ConnectError):
            await app.state.http.get("http://127.0.0.1:1/")
        return Answer(tenant=config.tenant, imported_late=sorted(set(sys.modules) - before))

    return app
'''

BROKEN_APP = '''
"""Never starts."""


def create_app(config):
    raise RuntimeError("out of order")
'''


@dataclass(frozen=True, slots=True)
class Agent:
    """A running agent and its control API."""

    process: subprocess.Popen[bytes]
    http: httpx.Client
    run_dir: Path

    def ensure(self, *, tenant: str, function: str) -> httpx.Response:
        return self.http.post("/v1/instances", json={"tenant": tenant, "function": function})

    def instances(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get("/v1/instances").json()["instances"]
        return found

    def zygote(self) -> psutil.Process:
        (zygote,) = psutil.Process(self.process.pid).children()
        return zygote


def until(condition: Callable[[], Any], what: str) -> Any:
    """Return the first truthy answer of `condition`; fail after a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    pytest.fail(f"{what}: not within {DEADLINE_S} s")


def call(socket: str, path: str = "/") -> httpx.Response:
    """Call a worker as the gateway does."""
    with httpx.Client(transport=httpx.HTTPTransport(uds=socket), timeout=10) as client:
        return client.get(f"http://worker{path}")


@pytest.fixture
def zone_folder() -> Iterator[Path]:
    """A short private folder: sockets have to fit in 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="gf-zone-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def functions_folder(zone_folder: Path) -> Path:
    """Four functions: raw, FastAPI, one that cannot start, one of another tier."""
    folder = zone_folder / "functions"
    for name, app, tiers, idle_s in (
        ("raw", RAW_APP, "[3]", 300),
        ("fast", FASTAPI_APP, "[3]", 300),
        ("brief", RAW_APP, "[3]", 1),
        ("broken", BROKEN_APP, "[3]", 300),
        ("elsewhere", RAW_APP, "[1]", 300),
    ):
        (folder / name).mkdir(parents=True)
        text = FUNCTION_YAML.format(name=name, tiers=tiers, idle_s=idle_s)
        (folder / name / "function.yaml").write_text(text)
        (folder / f"{name}_app.py").write_text(app)
    return folder


@pytest.fixture
def snapshot() -> Snapshot:
    """Two tenants of the edge zone, as saved before its parent went away."""
    return Snapshot(
        version=7,
        zone="zone-3a",
        zones=[
            ZoneEntry(name="zone-1", tier=1),
            ZoneEntry(name="zone-2", tier=2, parent="zone-1"),
            ZoneEntry(name="zone-3a", tier=3, parent="zone-2"),
        ],
        tenants=[
            TenantEntry(slug="acme", number=1, name="Acme", zones=["zone-3a"]),
            TenantEntry(slug="basra", number=2, name="Basra", zones=["zone-3a"]),
        ],
        keys=[],
    )


@pytest.fixture
def agent_environment(
    zone_folder: Path, functions_folder: Path, snapshot: Snapshot, redis_url: str
) -> dict[str, str]:
    """Settings of an edge agent that is cut off from its parent."""
    folders = {name: zone_folder / name for name in ("state", "run", "secrets")}
    for folder in folders.values():
        folder.mkdir(mode=0o700)
    (folders["secrets"] / "redis_url").write_text(redis_url)
    (folders["secrets"] / "zone_credential").write_text(f"gf_{secrets.token_urlsafe(24)}")
    save_snapshot(folders["state"] / "snapshot.json", snapshot)
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(functions_folder),
        "PYTHONWARNINGS": "error::DeprecationWarning:functions",
        "GRIDFAAS_ZONE": "zone-3a",
        "GRIDFAAS_TIER": "3",
        "GRIDFAAS_STATE_DIR": str(folders["state"]),
        "GRIDFAAS_RUN_DIR": str(folders["run"]),
        "GRIDFAAS_SECRETS_DIR": str(folders["secrets"]),
        "GRIDFAAS_PARENT_URL": "http://127.0.0.1:1",
        "GRIDFAAS_GATEWAY_URL": "http://127.0.0.1:1",
        "GRIDFAAS_FUNCTIONS_DIR": str(functions_folder),
    }


@pytest.fixture
def agent(agent_environment: dict[str, str]) -> Iterator[Agent]:
    """A ready agent; ended by SIGTERM, with a clean exit."""
    run_dir = Path(agent_environment["GRIDFAAS_RUN_DIR"])
    process = subprocess.Popen(
        [sys.executable, "-m", "zones.agent"], env=agent_environment, cwd=ROOT
    )
    socket_path = run_dir / "agent.sock"
    transport = httpx.HTTPTransport(uds=str(socket_path))
    try:
        with httpx.Client(transport=transport, base_url="http://agent", timeout=20) as client:

            def ready() -> bool:
                assert process.poll() is None, "the agent ended"
                # A refused connection would leave its socket to the garbage collector.
                return socket_path.exists() and client.get("/readyz").status_code == 200

            until(ready, "the agent is ready")
            yield Agent(process, client, run_dir)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
