import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.servers.postgres import MAX_CONNECTIONS
from storage.cold.walls import CONNECTION_LIMIT
from storage.platform import tenants
from storage.platform.api_keys import InvalidKey, TooManyKeys, UnknownKey
from storage.platform.keys import Role, hash_key, mint_key
from storage.platform.limits import InvalidLimit
from storage.platform.registry import Registry, open_registry
from storage.platform.slug import InvalidSlug
from storage.platform.snapshot import ZoneEntry
from storage.platform.tenants import TenantExists, TooManyTenants, UnknownTenant
from storage.platform.topology import InvalidZone, UnknownZone
from tests.integration.storage.platform.conftest import ZONES


@pytest.fixture
async def acme(registry: Registry) -> Registry:
    await registry.tenants.create(slug="acme", name="Acme Power", zones=["zone-3a"])
    return registry


class TestTenants:
    async def test_numbers_grow_and_all_is_listed(self, acme: Registry) -> None:
        await acme.tenants.create(slug="borea", name="Borea", zones=["zone-3b", "zone-3a"])

        assert [(t.slug, t.number, t.name, t.zones) for t in await acme.tenants.list()] == [
            ("acme", 1, "Acme Power", ["zone-3a"]),
            ("borea", 2, "Borea", ["zone-3a", "zone-3b"]),
        ]

    async def test_many_at_once_get_numbers_of_their_own(self, registry: Registry) -> None:
        made = await asyncio.gather(
            *(registry.tenants.create(slug=f"t-{n}", name="", zones=[]) for n in range(8))
        )

        assert sorted(tenant.number for tenant in made) == list(range(1, 9))

    async def test_a_slug_is_given_once(self, acme: Registry) -> None:
        before = await acme.version()

        with pytest.raises(TenantExists):
            await acme.tenants.create(slug="acme", name="Another", zones=[])

        assert (await acme.tenants.get("acme")).name == "Acme Power"
        assert await acme.version() == before

    async def test_refusals(self, acme: Registry) -> None:
        with pytest.raises(InvalidSlug):
            await acme.tenants.create(slug="Acme;", name="", zones=[])
        with pytest.raises(UnknownZone):
            await acme.tenants.create(slug="borea", name="", zones=["zone-9"])
        with pytest.raises(UnknownTenant):
            await acme.tenants.get("borea")

    async def test_a_limit_is_set_changed_and_taken_back(self, acme: Registry) -> None:
        borea = await acme.tenants.create(slug="borea", name="B", zones=[], calls_per_s=5)
        changed = await acme.tenants.change("acme", calls_per_s=0.5)
        renamed = await acme.tenants.change("acme", name="Acme Grid")
        freed = await acme.tenants.change("borea", calls_per_s=None)

        assert (borea.calls_per_s, changed.calls_per_s, renamed.calls_per_s) == (5, 0.5, 0.5)
        assert (renamed.name, renamed.zones) == ("Acme Grid", ["zone-3a"])
        assert freed.calls_per_s is None
        assert [t.calls_per_s for t in (await acme.snapshot("zone-3a")).tenants] == [0.5]

    @pytest.mark.parametrize("calls_per_s", [0.0, -1.0, float("nan"), float("inf")])
    async def test_what_is_no_limit(self, acme: Registry, calls_per_s: float) -> None:
        with pytest.raises(InvalidLimit):
            await acme.tenants.change("acme", calls_per_s=calls_per_s)
        with pytest.raises(InvalidLimit):
            await acme.keys.create(role=Role.METER, tenant="acme", calls_per_s=calls_per_s)

    async def test_zones_are_replaced(self, acme: Registry) -> None:
        await acme.tenants.assign("acme", zones=["zone-3b"])

        assert (await acme.tenants.get("acme")).zones == ["zone-3b"]

    async def test_a_zone_that_is_left_is_remembered_until_it_is_back(self, acme: Registry) -> None:
        before = (await acme.tenants.get("acme")).zones
        left = await acme.tenants.assign("acme", zones=[])
        again = await acme.tenants.change("acme", name="Acme Grid")
        back = await acme.tenants.assign("acme", zones=before)

        assert (left.zones, left.leaving) == ([], before)
        assert (again.zones, again.leaving) == ([], before)
        assert (back.zones, back.leaving) == (before, [])
        assert await acme.tenants.get("acme") == back


class TestZones:
    async def test_recorded_again_nothing_changes(self, registry: Registry) -> None:
        zones = await registry.zones.list()

        assert [zone.name for zone in zones] == ["zone-1", "zone-2", "zone-3a", "zone-3b"]
        assert await registry.zones.record(zones) is False

    @pytest.mark.parametrize(
        "zone",
        [
            pytest.param(ZoneEntry(name="x", tier=2), id="no_parent_below_hq"),
            pytest.param(ZoneEntry(name="x", tier=3, parent="zone-1"), id="a_tier_is_skipped"),
            pytest.param(ZoneEntry(name="x", tier=1, parent="zone-1"), id="hq_below_hq"),
            pytest.param(ZoneEntry(name="x", tier=4, parent="zone-3a"), id="below_the_edge"),
        ],
    )
    async def test_what_does_not_fit_is_refused(self, registry: Registry, zone: ZoneEntry) -> None:
        with pytest.raises(InvalidZone):
            await registry.zones.record([zone])

        assert len(await registry.zones.list()) == 4


class TestKeys:
    async def test_a_new_key_is_kept_as_its_hash_only(
        self, acme: Registry, admin: AsyncEngine
    ) -> None:
        minted = await acme.keys.create(role=Role.TENANT_SERVICE, tenant="acme")

        async with admin.connect() as connection:
            stored = str((await connection.execute(text("SELECT * FROM platform.api_keys"))).all())
        assert hash_key(minted.text) in stored
        assert minted.text not in stored
        assert minted.text not in repr(minted)
        assert minted.record.scopes == (
            "mdms:read",
            "mdms:write",
            "messaging:read",
            "messaging:write",
        )

    async def test_a_text_recorded_twice_is_one_key(self, acme: Registry) -> None:
        key_text = mint_key()
        first = await acme.keys.record(key_text, role=Role.ZONE, zone="zone-2")
        version = await acme.version()

        assert await acme.keys.record(key_text, role=Role.ZONE, zone="zone-2") == first
        assert await acme.version() == version

    async def test_a_tenant_sees_and_ends_its_own_keys_only(self, acme: Registry) -> None:
        await acme.tenants.create(slug="borea", name="Borea", zones=["zone-3b"])
        own = (await acme.keys.create(role=Role.CONSUMER, tenant="acme")).record
        other = (await acme.keys.create(role=Role.CONSUMER, tenant="borea")).record

        with pytest.raises(UnknownKey):
            await acme.keys.revoke(other.key_id, tenant="acme")

        assert [key.key_id for key in await acme.keys.list(tenant="acme")] == [own.key_id]
        assert (await acme.keys.get(other.key_id)).revoked_at is None

    async def test_a_key_ends_once(self, acme: Registry) -> None:
        key = (await acme.keys.create(role=Role.METER, tenant="acme")).record

        ended = await acme.keys.revoke(key.key_id, tenant="acme")

        assert ended.revoked_at is not None
        with pytest.raises(UnknownKey):
            await acme.keys.revoke(key.key_id)

    @pytest.mark.parametrize(
        ("role", "tenant", "zone", "scopes"),
        [
            pytest.param(Role.METER, None, None, None, id="a_meter_of_nobody"),
            pytest.param(Role.OPERATOR, "acme", None, None, id="an_operator_of_a_tenant"),
            pytest.param(Role.ZONE, None, None, None, id="a_zone_without_a_name"),
            pytest.param(Role.CONSUMER, "acme", "zone-3a", None, id="a_consumer_as_a_zone"),
            pytest.param(
                Role.TENANT_ADMIN, "acme", None, ["platform:admin"], id="a_tenant_over_the_platform"
            ),
            pytest.param(Role.CONSUMER, "acme", None, ["everything"], id="not_a_scope"),
        ],
    )
    async def test_what_makes_no_sense_is_refused(
        self,
        acme: Registry,
        role: Role,
        tenant: str | None,
        zone: str | None,
        scopes: list[str] | None,
    ) -> None:
        with pytest.raises(InvalidKey):
            await acme.keys.create(role=role, tenant=tenant, zone=zone, scopes=scopes)

        assert await acme.keys.list() == []

    async def test_tenant_and_zone_must_be_recorded(self, acme: Registry) -> None:
        with pytest.raises(UnknownTenant):
            await acme.keys.create(role=Role.METER, tenant="borea")
        with pytest.raises(UnknownZone):
            await acme.keys.create(role=Role.ZONE, zone="zone-9")


async def _revoke_the_only_key(registry: Registry) -> None:
    (key,) = await registry.keys.list()
    await registry.keys.revoke(key.key_id)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda r: r.tenants.create(slug="borea", name="B", zones=[]), id="tenant"),
        pytest.param(lambda r: r.tenants.assign("acme", zones=["zone-3b"]), id="assignment"),
        pytest.param(lambda r: r.tenants.change("acme", calls_per_s=3), id="limit"),
        pytest.param(lambda r: r.keys.create(role=Role.METER, tenant="acme"), id="key"),
        pytest.param(_revoke_the_only_key, id="revocation"),
        pytest.param(
            lambda r: r.zones.record([ZoneEntry(name="zone-3c", tier=3, parent="zone-2")]),
            id="zone",
        ),
    ],
)
async def test_every_change_raises_the_version_by_one(
    acme: Registry, change: Callable[[Registry], Awaitable[object]]
) -> None:
    await acme.keys.create(role=Role.OPERATOR)
    before = await acme.version()

    await change(acme)

    assert await acme.version() == before + 1


class TestSnapshot:
    async def test_a_zone_gets_its_tenants_and_their_keys(self, acme: Registry) -> None:
        await acme.tenants.create(slug="borea", name="Borea", zones=["zone-3b"])
        own = await acme.keys.create(role=Role.TENANT_SERVICE, tenant="acme")
        await acme.keys.create(role=Role.TENANT_SERVICE, tenant="borea")
        await acme.keys.create(role=Role.ZONE, zone="zone-3b")

        snapshot = await acme.snapshot("zone-3a")

        assert snapshot.version == await acme.version()
        assert [tenant.slug for tenant in snapshot.tenants] == ["acme"]
        assert [key.hash for key in snapshot.keys] == [hash_key(own.text)]
        assert (await acme.snapshot("zone-1")).for_zone("zone-3a") == snapshot

    async def test_a_keys_limit_goes_with_it(self, acme: Registry) -> None:
        await acme.keys.create(role=Role.METER, tenant="acme", calls_per_s=2)

        assert [key.calls_per_s for key in (await acme.snapshot("zone-3a")).keys] == [2]

    async def test_revoked_and_expired_keys_are_gone(self, acme: Registry) -> None:
        now = datetime.now(UTC)
        ended = await acme.keys.create(role=Role.METER, tenant="acme")
        await acme.keys.create(
            role=Role.METER, tenant="acme", expires_at=now - timedelta(seconds=1)
        )
        lasting = await acme.keys.create(
            role=Role.METER, tenant="acme", expires_at=now + timedelta(days=1)
        )
        before = await acme.snapshot("zone-3a")

        await acme.keys.revoke(ended.record.key_id)
        after = await acme.snapshot("zone-3a")

        assert {key.key_id for key in before.keys} == {
            ended.record.key_id,
            lasting.record.key_id,
        }
        assert [key.key_id for key in after.keys] == [lasting.record.key_id]
        assert after.keys[0].expires_at == now + timedelta(days=1)
        assert after.version > before.version

    async def test_an_unknown_zone_gets_none(self, registry: Registry) -> None:
        with pytest.raises(UnknownZone):
            await registry.snapshot("zone-9")


async def test_a_tenants_live_keys_are_bounded(database_url: str) -> None:
    async with open_registry(database_url, max_tenant_keys=2) as registry:
        await registry.zones.record(ZONES)
        await registry.tenants.create(slug="acme", name="Acme", zones=["zone-2"])
        past = datetime.now(UTC) - timedelta(seconds=5)
        await registry.keys.create(role=Role.CONSUMER, tenant="acme", expires_at=past)
        first = await registry.keys.create(role=Role.CONSUMER, tenant="acme")
        await registry.keys.create(role=Role.CONSUMER, tenant="acme")

        with pytest.raises(TooManyKeys, match="2 live keys"):
            await registry.keys.create(role=Role.CONSUMER, tenant="acme")
        await registry.keys.create(role=Role.OPERATOR)
        await registry.keys.revoke(first.record.key_id)
        await registry.keys.create(role=Role.CONSUMER, tenant="acme")


async def test_no_more_tenants_than_postgresql_has_connections_for(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    enough_for_two = MAX_CONNECTIONS - 2 * CONNECTION_LIMIT
    monkeypatch.setattr(tenants, "PLATFORM_CONNECTIONS", enough_for_two)
    for slug in ("acme", "basra"):
        await registry.tenants.create(slug=slug, name=slug, zones=["zone-2"])

    with pytest.raises(TooManyTenants, match="enough for 2 tenants"):
        await registry.tenants.create(slug="cairo", name="Cairo", zones=["zone-2"])
    await registry.tenants.assign("acme", zones=[])
    await registry.tenants.create(slug="cairo", name="Cairo", zones=["zone-2"])
    with pytest.raises(TooManyTenants):
        await registry.tenants.assign("acme", zones=["zone-2"])
