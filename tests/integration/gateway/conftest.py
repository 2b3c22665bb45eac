"""One zone with a real gateway, agent and worker for all tests of this folder."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.gateway.zone import ZoneUnderTest, deployed, function


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short folder: a unix socket's path has at most 107 characters."""
    made = Path(tempfile.mkdtemp(prefix="gf-gw-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="session")
def shared_zone() -> Iterator[ZoneUnderTest]:
    folder = Path(tempfile.mkdtemp(prefix="gf-gw-", dir="/tmp"))
    zone = ZoneUnderTest(folder)
    try:
        _, worker = zone.start_worker()
        zone.functions = [
            function("echo"),
            function("hasty", timeout_s=1),
            function("broken"),
            function("narrow"),
            function("absent"),
            function("upstairs", tiers=[1]),
            function("shared", owner="platform", scopes={"read": [], "write": ["echo:write"]}),
            function("messaging", owner="platform", scopes={"read": ["no"], "write": ["no"]}),
        ]
        zone.deployed = [
            deployed("acme", "tariffs"),
            deployed("acme", "guarded", scopes={"read": ["a:b"], "write": ["a:b"]}),
            deployed("acme", "small", max_body_bytes=10),
            deployed("acme", "rare", rate_per_s=0.1),
            deployed("acme", "lonely", max_concurrency=1),
            deployed("acme", "starved"),
            deployed("beta", "forecast"),
        ]
        zone.instances = {
            "acme/echo": [worker],
            "acme/hasty": [worker],
            "beta/echo": [worker],
            "platform/shared": [worker],
            "platform/messaging": [worker],
            **{f"acme/{name}": [worker] for name in ("tariffs", "guarded", "small")},
            **{f"acme/{name}": [worker] for name in ("rare", "lonely")},
            "beta/forecast": [worker],
        }
        zone.start_agent()
        zone.start_gateway()
        zone.wait_until_ready()
        yield zone
    finally:
        zone.close()
        shutil.rmtree(folder)


@pytest.fixture
def zone(shared_zone: ZoneUnderTest) -> Iterator[ZoneUnderTest]:
    """The zone; after each test its gateway is the same process and still answers."""
    yield shared_zone
    assert all(process.poll() is None for process in shared_zone.processes[1:3])
    assert shared_zone.call("GET", "/healthz", key=None).status == 200
