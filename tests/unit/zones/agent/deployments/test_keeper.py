import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from storage.platform.functions.bundle import BundleFile, digest_of, pack_bundle
from storage.platform.functions.spec import FunctionSpec
from storage.platform.snapshot import (
    DeploymentEntry,
    SecretEntry,
    Snapshot,
    TenantEntry,
    ZoneEntry,
)
from zones.agent.deployments import keeper
from zones.agent.deployments.bundle_source import BundleUnavailable
from zones.agent.deployments.deployment import Deployment
from zones.agent.deployments.depot import BundleDepot
from zones.agent.deployments.keeper import DeploymentKeeper


class Bundles:
    """Those that a test published; others cannot be had now."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def publish(self, content: str) -> str:
        files = [BundleFile(path="handler.py", content=content.encode())]
        digest = digest_of(files)
        self.bodies[digest] = pack_bundle(files)
        return digest

    async def fetch(self, digest: str) -> bytes:
        if digest not in self.bodies:
            raise BundleUnavailable("the parent does not answer")
        return self.bodies[digest]


class Zone:
    """A keeper in zone-3a, and the snapshot that it follows."""

    def __init__(self, folder: Path) -> None:
        self.bundles = Bundles()
        self.entries: dict[str, DeploymentEntry] = {}
        self.secrets: list[SecretEntry] = []
        self.changes = 0
        self.looked = asyncio.Event()
        self.keeper = DeploymentKeeper(
            BundleDepot(folder, self.bundles),
            tier=3,
            snapshot=self.snapshot,
            taken={"mdms"},
            changed=self._changed,
        )

    def snapshot(self) -> Snapshot:
        return Snapshot(
            version=1,
            zone="zone-3a",
            zones=[
                ZoneEntry(name="zone-2", tier=2),
                ZoneEntry(name="zone-3a", tier=3, parent="zone-2"),
                ZoneEntry(name="zone-3b", tier=3, parent="zone-2"),
            ],
            tenants=[
                TenantEntry(slug="acme", number=1, name="Acme", zones=["zone-3a"]),
                TenantEntry(slug="beta", number=2, name="Beta", zones=["zone-3b"]),
            ],
            keys=[],
            deployments=list(self.entries.values()),
            secrets=self.secrets,
        )

    def deploy(
        self, version: int, digest: str, *, tenant: str = "acme", name: str = "late", **spec: object
    ) -> None:
        made = FunctionSpec(name=name, **spec)  # type: ignore[arg-type]  # a test's own fields
        self.entries[f"{tenant}/{name}"] = DeploymentEntry(
            tenant=tenant, name=name, version=version, digest=digest, spec=made
        )
        self.keeper.poke()

    async def until(self, condition: Callable[[Deployment], bool]) -> Deployment:
        async with asyncio.timeout(10):
            while True:
                self.looked.clear()
                found = self.keeper.find("acme", "late")
                if found is not None and condition(found):
                    return found
                await self.looked.wait()

    def _changed(self) -> None:
        self.changes += 1
        self.looked.set()


@pytest.fixture
async def zone(tmp_path: Path) -> AsyncIterator[Zone]:
    if os.geteuid() == 0:
        for above in (tmp_path, *tmp_path.parents):
            above.chmod(above.stat().st_mode | 0o011)
    zone = Zone(tmp_path / "functions")
    running = asyncio.create_task(zone.keeper.run())
    yield zone
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def serving(deployment: Deployment) -> int:
    return deployment.in_force.version if deployment.in_force else 0


async def test_the_old_version_serves_until_the_new_one_is_prepared(zone: Zone) -> None:
    zone.deploy(1, zone.bundles.publish("one"))
    ready = await zone.until(lambda d: d.state == "ready")
    assert serving(ready) == 1

    absent = zone.bundles.publish("two")
    body = zone.bundles.bodies.pop(absent)
    zone.deploy(2, absent)
    waiting = await zone.until(lambda d: "does not answer" in d.reason)
    assert (waiting.state, waiting.entry.version, serving(waiting)) == ("preparing", 2, 1)

    zone.bundles.bodies[absent] = body
    assert serving(await zone.until(lambda d: d.state == "ready")) == 2


async def test_a_secret_that_is_not_set_keeps_a_version_from_serving(zone: Zone) -> None:
    zone.deploy(1, zone.bundles.publish("one"), secrets=["token"])

    failed = await zone.until(lambda d: d.state == "failed")
    assert "token" in failed.reason
    assert zone.keeper.states == [("acme", "failed")]
    assert serving(failed) == 0

    zone.secrets = [SecretEntry(tenant="acme", name="token", value="t0p")]
    zone.keeper.poke()
    ready = await zone.until(lambda d: d.state == "ready")
    assert ready.in_force is not None
    assert ready.in_force.secrets == (("token", "t0p"),)
    assert "t0p" not in repr(ready)

    zone.secrets = [SecretEntry(tenant="acme", name="token", value="new")]
    zone.keeper.poke()
    await zone.until(lambda d: d.in_force is not None and d.in_force != ready.in_force)


async def test_only_what_is_this_zones_to_run_is_prepared(zone: Zone) -> None:
    digest = zone.bundles.publish("one")
    zone.deploy(1, digest)
    zone.deploy(1, digest, tenant="beta")
    zone.deploy(1, digest, name="upstairs", tiers=[1])
    zone.deploy(1, digest, name="mdms")

    await zone.until(lambda d: d.state == "ready")

    assert [(tenant, one.spec.name) for tenant, one in zone.keeper.in_force] == [("acme", "late")]
    assert [entry.name for entry in zone.keeper.elsewhere] == ["upstairs"]
    assert zone.keeper.find("beta", "late") is None


async def test_what_is_removed_is_gone_at_once_and_says_so(zone: Zone) -> None:
    zone.deploy(1, zone.bundles.publish("one"))
    await zone.until(lambda d: d.state == "ready")
    generation, changes = zone.keeper.generation, zone.changes

    zone.entries.clear()
    zone.keeper.converge()
    zone.keeper.converge()

    assert zone.keeper.in_force == []
    assert (zone.keeper.generation, zone.changes) == (generation + 1, changes + 1)


async def test_a_tenants_functions_take_so_much_of_the_disk_and_no_more(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone.deploy(1, zone.bundles.publish("x" * 5_000), name="large")
    async with asyncio.timeout(10):
        while not zone.keeper.in_force:
            zone.looked.clear()
            await zone.looked.wait()
    monkeypatch.setattr(keeper, "TENANT_BYTES", 1_000)

    zone.deploy(1, zone.bundles.publish("one"))

    failed = await zone.until(lambda d: d.state == "failed")
    assert "take more than" in failed.reason
    # What it has goes on.
    assert [one.spec.name for _, one in zone.keeper.in_force] == ["large"]


async def test_what_is_no_digest_fails_alone(zone: Zone) -> None:
    zone.deploy(1, "../../etc", name="odd")
    zone.deploy(1, zone.bundles.publish("one"))

    assert serving(await zone.until(lambda d: d.state == "ready")) == 1
