"""Headquarters and a zone below it, each an agent and a gateway, to deploy functions to."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from storage.platform.functions.bundle import BundleFile, pack_bundle
from storage.platform.keys import Role
from storage.platform.registry import Registry, open_registry
from storage.platform.snapshot import ZoneEntry
from tests.integration.zones.agent_process import Agent, running_agent, until
from tests.integration.zones.gateway_process import environment, running_gateway

ZONES = [ZoneEntry(name="zone-1", tier=1), ZoneEntry(name="zone-2", tier=2, parent="zone-1")]
HANDLER = """\
async def handle(event, context):
    return {"answer": ANSWER, "tenant": context.tenant, "zone": context.zone}
"""


def files(name: str, answer: str, *, spec: str = "", **more: str) -> list[BundleFile]:
    """A function that answers with `answer`; `more` are other files, `_` standing for a dot."""
    contents = {
        "function.yaml": f"name: {name}\n{spec}",
        "handler.py": HANDLER.replace("ANSWER", repr(answer)),
    } | {path.replace("_", "."): content for path, content in more.items()}
    return [BundleFile(path=path, content=text.encode()) for path, text in contents.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The gateway of a zone, with acme's administrator's key."""

    url: str
    key: str

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        return httpx.request(
            method, f"{self.url}{path}", headers=headers, timeout=30, trust_env=False, **more
        )

    def deploy(self, found: list[BundleFile]) -> httpx.Response:
        return self.call(
            "POST",
            "/v1/platform/functions",
            content=pack_bundle(found),
            headers={"content-type": "application/gzip"},
        )

    def in_zone(self, name: str) -> dict[str, Any]:
        """How the zone has the function; empty while it knows none."""
        answer = self.call("GET", f"/v1/platform/functions/{name}")
        found: dict[str, Any] = answer.json().get("zone", {})
        return found

    def until_ready(self, name: str, version: int) -> dict[str, Any]:
        def ready() -> dict[str, Any] | None:
            found = self.in_zone(name)
            here = (found.get("version"), found.get("state")) == (version, "ready")
            return found if here else None

        found: dict[str, Any] = until(ready, f"version {version} of {name} is ready")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Zones:
    """Both zones, not running yet."""

    database_url: str
    ports: tuple[int, int]
    settings: tuple[dict[str, str], dict[str, str]]
    key: str

    def way(self, zone: int) -> Way:
        return Way(url=f"http://127.0.0.1:{self.ports[zone - 1]}", key=self.key)

    @contextlib.contextmanager
    def running(self, zone: int) -> Iterator[Agent]:
        """Run the zone of that tier for the length of the block."""
        settings, port = self.settings[zone - 1], self.ports[zone - 1]
        with running_agent(settings) as agent, running_gateway(settings, port=port):
            yield agent


def make_zones(
    *, folder: Path, functions: Path, database_url: str, stores: tuple[str, str], ports: list[int]
) -> Zones:
    """Record two zones and the tenant acme, and write what their processes are told."""

    async def record(registry: Registry) -> tuple[str, str, str]:
        await registry.zones.record(ZONES)
        await registry.tenants.create(slug="acme", name="Acme", zones=["zone-2"])
        admin = await registry.keys.create(role=Role.TENANT_ADMIN, tenant="acme")
        keys = [(await registry.keys.create(role=Role.ZONE, zone=zone.name)).text for zone in ZONES]
        return admin.text, keys[0], keys[1]

    async def opened() -> tuple[str, str, str]:
        async with open_registry(database_url) as registry:
            return await record(registry)

    key, *credentials = asyncio.run(opened())
    # Workers have accounts of their own, and read their code below this folder.
    folder.chmod(0o711)
    settings = []
    for zone, secret, store, port in zip(ZONES, credentials, stores, ports, strict=True):
        secrets = {"zone_credential": secret, "redis_url": store}
        if zone.tier == 1:
            secrets["database_url"] = database_url
        told = environment(
            folder, zone=zone.name, tier=zone.tier, port=ports[0], functions=functions, **secrets
        )
        (folder / zone.name).chmod(0o711)
        settings.append(told | {"GRIDFAAS_GATEWAY_URL": f"http://127.0.0.1:{port}"})
    return Zones(
        database_url=database_url,
        ports=(ports[0], ports[1]),
        settings=(settings[0], settings[1]),
        key=key,
    )
