"""An agent of an edge zone as its own process, on a real Valkey, with functions to run."""

import contextlib
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.platform.snapshot import Snapshot, TenantEntry, ZoneEntry, save_snapshot
from tests.integration.zones.agent_process import Agent, running_agent
from tests.integration.zones.sample_functions import write_functions

SNAPSHOT = Snapshot(
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


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A short private folder: sockets have to fit in 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="gf-zone-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def zone_folder() -> Iterator[Path]:
    """A short private folder of this test alone."""
    with short_folder() as folder:
        yield folder


@pytest.fixture
def functions_folder(zone_folder: Path) -> Path:
    """The functions of `sample_functions`."""
    folder = zone_folder / "functions"
    write_functions(folder)
    return folder


def edge_environment(folder: Path, functions: Path, redis_url: str) -> dict[str, str]:
    """Settings of an edge agent that is cut off from its parent, with what it saved before."""
    folders = {name: folder / name for name in ("state", "run", "secrets")}
    for private in folders.values():
        private.mkdir(mode=0o700)
    (folders["secrets"] / "redis_url").write_text(redis_url)
    (folders["secrets"] / "zone_credential").write_text(f"gf_{secrets.token_urlsafe(24)}")
    save_snapshot(folders["state"] / "snapshot.json", SNAPSHOT)
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(functions),
        # Python 3.12 and later warn of a fork with threads.
        "PYTHONWARNINGS": "error::DeprecationWarning:functions",
        "GRIDFAAS_ZONE": "zone-3a",
        "GRIDFAAS_TIER": "3",
        "GRIDFAAS_STATE_DIR": str(folders["state"]),
        "GRIDFAAS_RUN_DIR": str(folders["run"]),
        "GRIDFAAS_SECRETS_DIR": str(folders["secrets"]),
        "GRIDFAAS_PARENT_URL": "http://127.0.0.1:1",
        "GRIDFAAS_GATEWAY_URL": "http://127.0.0.1:1",
        "GRIDFAAS_FUNCTIONS_DIR": str(functions),
    }


@pytest.fixture(scope="module")
def agent(valkey_server: str) -> Iterator[Agent]:
    """A ready agent that a module's tests share, for those that leave it alive."""
    with edge_agent(valkey_server) as agent:
        yield agent


@pytest.fixture
def own_agent(valkey_server: str) -> Iterator[Agent]:
    """A ready agent of this test alone."""
    with edge_agent(valkey_server) as agent:
        yield agent


@contextlib.contextmanager
def edge_agent(redis_url: str) -> Iterator[Agent]:
    """Run an edge agent in a folder of its own."""
    with short_folder() as folder:
        write_functions(folder / "functions")
        with running_agent(edge_environment(folder, folder / "functions", redis_url)) as agent:
            yield agent


@pytest.fixture
def port() -> int:
    """A port that is free now."""
    return free_port()


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found
