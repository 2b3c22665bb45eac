"""Headquarters' record reaches the zone below: real PostgreSQL and Valkey, gateway and agents."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis

from deploy.servers.postgres import query
from storage.platform.keys import Role, mint_key
from storage.platform.registry import Registry, open_registry
from storage.platform.snapshot import Snapshot, ZoneEntry, load_snapshot
from tests.integration.zones.agent_process import Agent, call, running_agent, until
from tests.integration.zones.gateway_process import environment, running_gateway

ZONES = [ZoneEntry(name="zone-1", tier=1), ZoneEntry(name="zone-2", tier=2, parent="zone-1")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoZones:
    """Headquarters and the zone below it: their environments, and what a test changes."""

    folder: Path
    database_url: str
    port: int
    headquarters: dict[str, str]
    fog: dict[str, str]

    @contextlib.contextmanager
    def running_headquarters(self) -> Iterator[Agent]:
        with (
            running_agent(self.headquarters) as agent,
            running_gateway(self.headquarters, port=self.port),
        ):
            yield agent

    def saved(self) -> Snapshot:
        """The snapshot that the zone below works from."""
        found = load_snapshot(self.folder / "zone-2" / "state" / "snapshot.json")
        assert found is not None
        return found

    def change(self, what: Callable[[Registry], Awaitable[Any]]) -> Any:
        """Change the record as an operator does, on connections that are closed afterwards."""

        async def run() -> Any:
            async with open_registry(self.database_url) as registry:
                return await what(registry)

        return asyncio.run(run())


async def _record(registry: Registry) -> str:
    await registry.zones.record(ZONES)
    await registry.tenants.create(slug="acme", name="Acme", zones=["zone-2"])
    return (await registry.keys.create(role=Role.ZONE, zone="zone-2")).text


@pytest.fixture
def zones(
    zone_folder: Path,
    functions_folder: Path,
    database_url: str,
    redis_url: str,
    second_valkey: str,
    port: int,
) -> TwoZones:
    """Two zones that are recorded and not running yet."""

    async def record() -> str:
        async with open_registry(database_url) as registry:
            return await _record(registry)

    at_headquarters = {
        "database_url": database_url,
        "redis_url": second_valkey,
        "zone_credential": mint_key(),
    }
    environments = [
        environment(
            zone_folder, zone=zone, tier=tier, port=port, functions=functions_folder, **secrets
        )
        for zone, tier, secrets in (
            ("zone-1", 1, at_headquarters),
            ("zone-2", 2, {"redis_url": redis_url, "zone_credential": asyncio.run(record())}),
        )
    ]
    return TwoZones(
        folder=zone_folder,
        database_url=database_url,
        port=port,
        headquarters=environments[0],
        fog=environments[1],
    )


def test_a_tenant_recorded_at_headquarters_is_served_in_the_zone_below(zones: TwoZones) -> None:
    with zones.running_headquarters() as hq, running_agent(zones.fog) as below:
        (there,) = hq.ensure(tenant="acme", function="elsewhere").json()["instances"]
        assert _user_of(call(there["socket"]).json()["database_url"]) == "t_acme"

        assert below.ensure(tenant="basra", function="raw").status_code == 404
        zones.change(lambda r: r.tenants.create(slug="basra", name="Basra", zones=["zone-2"]))
        until(
            lambda: below.ensure(tenant="basra", function="raw").status_code == 200,
            "the new tenant is served below",
        )
        assert zones.saved().zone == "zone-2"
        assert {entry.slug for entry in zones.saved().tenants} == {"acme", "basra"}
    # Its parent is gone for good: the zone starts and works from what it saved.
    with running_agent(zones.fog) as alone:
        assert alone.ensure(tenant="basra", function="raw").status_code == 200


def test_a_tenant_that_leaves_a_zone_keeps_only_what_its_data_still_passes(
    zones: TwoZones,
) -> None:
    with zones.running_headquarters() as hq, running_agent(zones.fog) as below:
        (above,) = hq.ensure(tenant="acme", function="elsewhere").json()["instances"]
        database_url = call(above["socket"]).json()["database_url"]
        (there,) = below.ensure(tenant="acme", function="raw").json()["instances"]
        redis_url = call(there["socket"]).json()["redis_url"]
        assert _redis_answers(redis_url)

        zones.change(lambda r: r.tenants.change("acme", zones=[]))

        until(lambda: not below.instances(), "the workers end")
        assert below.zygote().children() == []
        until(lambda: not _redis_answers(redis_url), "the Redis login ends")
        refused = below.ensure(tenant="acme", function="raw")
        assert refused.status_code == 404
        assert refused.json()["type"] == "urn:gridfaas:problem:unknown-tenant"
        # The link below still has what was acknowledged: headquarters must be able to take it.
        assert [entry.leaving for entry in zones.saved().tenants] == [["zone-2"]]
        assert hq.ensure(tenant="acme", function="elsewhere").status_code == 200
        assert _user_of(database_url) == "t_acme"

        zones.change(lambda r: r.tenants.change("acme", zones=["zone-2"]))
        until(
            lambda: below.ensure(tenant="acme", function="raw").status_code == 200,
            "the tenant that came back is served",
        )


def test_a_restored_record_wins_over_what_the_zone_below_remembers(
    zones: TwoZones, postgres_server: str
) -> None:
    name = urlsplit(zones.database_url).path[1:]
    backup = f"{name}_backup"
    query(postgres_server, f"CREATE DATABASE {backup} TEMPLATE {name}")
    with contextlib.ExitStack() as stack:
        with zones.running_headquarters():
            below = stack.enter_context(running_agent(zones.fog))
            until(lambda: below.ensure(tenant="acme", function="raw").is_success, "acme is served")
            zones.change(lambda r: r.tenants.create(slug="late", name="L", zones=["zone-2"]))
            until(lambda: below.ensure(tenant="late", function="raw").is_success, "late is served")
        before = zones.saved()
        # The backup comes back while headquarters is down, and goes on from there: as many
        # changes as were lost, so that the version alone would tell no difference.
        query(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")
        query(postgres_server, f"ALTER DATABASE {backup} RENAME TO {name}")
        zones.change(lambda r: r.tenants.create(slug="other", name="O", zones=["zone-2"]))
        assert zones.change(lambda r: r.version()) == before.version

        with zones.running_headquarters():
            until(lambda: below.ensure(tenant="other", function="raw").is_success, "all is taken")
            assert below.ensure(tenant="late", function="raw").status_code == 404
        assert zones.saved().version == before.version
        assert zones.saved().incarnation > before.incarnation


def _user_of(database_url: str) -> str | None:
    """Whom the URL logs in, None when it is refused."""
    try:
        return str(query(database_url, "SELECT current_user")[0]["current_user"])
    except asyncpg.PostgresError:
        return None


def _redis_answers(redis_url: str) -> bool:
    with redis.Redis.from_url(redis_url) as store:
        try:
            return bool(store.ping())
        except redis.exceptions.AuthenticationError:
            return False
