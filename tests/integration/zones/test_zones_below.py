"""Headquarters' record reaches the zone below: real PostgreSQL and Valkey, gateway and agents."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from storage.platform.keys import Role
from storage.platform.registry import Registry, open_registry
from storage.platform.snapshot import ZoneEntry, load_snapshot
from tests.integration.zones.agent_process import ROOT, call, running_agent, until

ZONES = [ZoneEntry(name="zone-1", tier=1), ZoneEntry(name="zone-2", tier=2, parent="zone-1")]


def environment(
    folder: Path, *, zone: str, tier: int, port: int, functions: Path, **secrets: str
) -> dict[str, str]:
    for name in ("state", "run", "secrets"):
        (folder / zone / name).mkdir(mode=0o700, parents=True)
    for name, value in secrets.items():
        (folder / zone / "secrets" / name).write_text(value)
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(functions),
        "GRIDFAAS_ZONE": zone,
        "GRIDFAAS_TIER": str(tier),
        "GRIDFAAS_STATE_DIR": str(folder / zone / "state"),
        "GRIDFAAS_RUN_DIR": str(folder / zone / "run"),
        "GRIDFAAS_SECRETS_DIR": str(folder / zone / "secrets"),
        "GRIDFAAS_PARENT_URL": f"http://127.0.0.1:{port}",
        "GRIDFAAS_GATEWAY_URL": f"http://127.0.0.1:{port}",
        "GRIDFAAS_FUNCTIONS_DIR": str(functions),
    }


@contextlib.contextmanager
def running_gateway(settings: dict[str, str], *, port: int) -> Iterator[None]:
    listen = {"GRIDFAAS_HOST": "127.0.0.1", "GRIDFAAS_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "gateway"], env=settings | listen, cwd=ROOT)
    try:

        def ready() -> bool:
            assert process.poll() is None, "the gateway ended"
            with contextlib.suppress(httpx.TransportError):
                return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
            return False

        until(ready, "the gateway answers")
        yield
    finally:
        process.terminate()
        process.wait(15)


@pytest.fixture
def port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


async def _record(registry: Registry) -> str:
    await registry.zones.record(ZONES)
    await registry.tenants.create(slug="acme", name="Acme", zones=["zone-2"])
    return (await registry.keys.create(role=Role.ZONE, zone="zone-2")).text


async def test_a_tenant_recorded_at_headquarters_is_served_in_the_zone_below(
    zone_folder: Path, functions_folder: Path, database_url: str, redis_url: str, port: int
) -> None:
    async with open_registry(database_url) as registry:
        credential = await _record(registry)
        headquarters = environment(
            zone_folder,
            zone="zone-1",
            tier=1,
            port=port,
            functions=functions_folder,
            database_url=database_url,
        )
        fog = environment(
            zone_folder,
            zone="zone-2",
            tier=2,
            port=port,
            functions=functions_folder,
            redis_url=redis_url,
            zone_credential=credential,
        )
        with (
            running_agent(headquarters) as hq,
            running_gateway(headquarters, port=port),
            running_agent(fog) as below,
        ):
            (there,) = hq.ensure(tenant="acme", function="elsewhere").json()["instances"]
            url = call(there["socket"]).json()["database_url"]
            tenant = await asyncpg.connect(url)
            assert await tenant.fetchval("SELECT current_user") == "t_acme"
            await tenant.close()

            assert below.ensure(tenant="basra", function="raw").status_code == 404
            await registry.tenants.create(slug="basra", name="Basra", zones=["zone-2"])
            until(
                lambda: below.ensure(tenant="basra", function="raw").status_code == 200,
                "the new tenant is served below",
            )
            saved = load_snapshot(zone_folder / "zone-2" / "state" / "snapshot.json")
            assert saved is not None
            assert saved.zone == "zone-2"
            assert {entry.slug for entry in saved.tenants} == {"acme", "basra"}
        # Its parent is gone for good: the zone starts and works from what it saved.
        with running_agent(fog) as alone:
            assert alone.ensure(tenant="basra", function="raw").status_code == 200
