import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.platform.snapshot import (
    KeyEntry,
    Snapshot,
    SnapshotUnreadable,
    TenantEntry,
    ZoneEntry,
    ZoneNotInSnapshot,
    load_snapshot,
    save_snapshot,
)


def key(key_id: str, *, tenant: str | None, role: str, zone: str | None = None) -> KeyEntry:
    return KeyEntry(key_id=key_id, hash="0" * 64, tenant=tenant, role=role, scopes=[], zone=zone)


@pytest.fixture
def whole() -> Snapshot:
    return Snapshot(
        version=7,
        zone="zone-1",
        zones=[
            ZoneEntry(name="zone-1", tier=1),
            ZoneEntry(name="zone-2", tier=2, parent="zone-1"),
            ZoneEntry(name="zone-3a", tier=3, parent="zone-2"),
            ZoneEntry(name="zone-3b", tier=3, parent="zone-2"),
        ],
        tenants=[
            TenantEntry(slug="acme", number=1, name="Acme", zones=["zone-3a"]),
            TenantEntry(slug="borea", number=2, name="Borea", zones=["zone-3b"]),
        ],
        keys=[
            key("admin", tenant=None, role="platform-admin"),
            key("acme", tenant="acme", role="tenant-service"),
            key("borea", tenant="borea", role="tenant-service"),
            key("z2", tenant=None, role="zone", zone="zone-2"),
            key("z3a", tenant=None, role="zone", zone="zone-3a"),
            key("z3b", tenant=None, role="zone", zone="zone-3b"),
        ],
    )


@pytest.mark.parametrize(
    ("zone", "zones", "tenants", "keys"),
    [
        pytest.param(
            "zone-3a",
            ["zone-1", "zone-2", "zone-3a"],
            ["acme"],
            ["admin", "acme", "z3a"],
            id="an_edge_knows_nothing_of_its_sibling",
        ),
        pytest.param(
            "zone-2",
            ["zone-1", "zone-2", "zone-3a", "zone-3b"],
            ["acme", "borea"],
            ["admin", "acme", "borea", "z2", "z3a", "z3b"],
            id="the_fog_carries_the_tenants_of_both_edges",
        ),
    ],
)
def test_narrowing(
    whole: Snapshot, zone: str, zones: list[str], tenants: list[str], keys: list[str]
) -> None:
    narrowed = whole.for_zone(zone)

    assert (narrowed.version, narrowed.zone) == (7, zone)
    assert [entry.name for entry in narrowed.zones] == zones
    assert [entry.slug for entry in narrowed.tenants] == tenants
    assert [entry.key_id for entry in narrowed.keys] == keys


@pytest.mark.parametrize(
    ("zone", "edges"),
    [
        pytest.param("zone-3a", ("zone-3a",), id="an_edge_brings_its_own_only"),
        pytest.param("zone-2", ("zone-2", "zone-3a", "zone-3b"), id="a_relay_what_is_further_out"),
        pytest.param("zone-2b", ("zone-2b", "zone-3a", "zone-3b"), id="also_of_those_that_left_it"),
        pytest.param("zone-9", ("zone-9",), id="unknown_here"),
    ],
)
def test_whose_readings_a_zone_may_bring(
    whole: Snapshot, zone: str, edges: tuple[str, ...]
) -> None:
    whole.zones.append(ZoneEntry(name="zone-2b", tier=2, parent="zone-1"))

    assert whole.edges_of(zone) == edges


@pytest.mark.parametrize(
    ("zone", "keys", "staffed"),
    [
        pytest.param("zone-3a", [], [], id="where_it_leaves_the_link_alone_goes_on"),
        pytest.param("zone-2", ["borea"], ["acme", "borea"], id="on_the_way_its_worker_stays"),
        pytest.param("zone-1", ["borea"], ["acme", "borea"], id="and_at_headquarters"),
    ],
)
def test_a_tenant_that_leaves_is_carried_and_its_keys_are_not_valid(
    whole: Snapshot, zone: str, keys: list[str], staffed: list[str]
) -> None:
    acme = TenantEntry(slug="acme", number=1, name="Acme", zones=[], leaving=["zone-3a"])
    whole.tenants[0] = acme

    narrowed = whole.for_zone(zone)

    assert acme in narrowed.tenants
    assert narrowed.carries(zone=zone, tenant="acme")
    assert not narrowed.carries(zone="zone-3b", tenant="acme")
    assert [key.tenant for key in narrowed.keys if key.tenant] == keys
    assert [entry.slug for entry in narrowed.staffed()] == staffed
    assert "acme" not in narrowed.served(zone)


def test_a_tenant_that_leaves_one_edge_of_two_is_served_above(whole: Snapshot) -> None:
    whole.tenants[0] = TenantEntry(
        slug="acme", number=1, name="Acme", zones=["zone-3b"], leaving=["zone-3a"]
    )

    assert "acme" in whole.for_zone("zone-2").served("zone-2")
    assert [key.tenant for key in whole.for_zone("zone-3b").keys if key.tenant] == ["acme", "borea"]
    assert not [key for key in whole.for_zone("zone-3a").keys if key.tenant]


def test_narrowing_in_two_steps_equals_one(whole: Snapshot) -> None:
    assert whole.for_zone("zone-2").for_zone("zone-3a") == whole.for_zone("zone-3a")


def test_an_unknown_zone_gets_no_snapshot(whole: Snapshot) -> None:
    with pytest.raises(ZoneNotInSnapshot):
        whole.for_zone("zone-9")


@pytest.mark.parametrize(
    ("zone", "tenant", "carried"),
    [
        pytest.param("zone-3a", "acme", True, id="its_own_tenant"),
        pytest.param("zone-2", "acme", True, id="a_tenant_of_a_zone_below"),
        pytest.param("zone-3b", "acme", False, id="a_tenant_of_its_sibling"),
        pytest.param("zone-2", "nobody", False, id="no_such_tenant"),
        pytest.param("zone-9", "acme", False, id="no_such_zone"),
    ],
)
def test_carries(whole: Snapshot, zone: str, tenant: str, carried: bool) -> None:
    assert whole.carries(zone=zone, tenant=tenant) is carried


def test_a_saved_snapshot_comes_back_and_is_private(tmp_path: Path, whole: Snapshot) -> None:
    path = tmp_path / "snapshot.json"
    expiring = KeyEntry(
        key_id="k",
        hash="1" * 64,
        tenant="acme",
        role="meter",
        scopes=["mdms:write"],
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
    )
    newer = Snapshot(
        version=8, zone="zone-1", zones=whole.zones, tenants=whole.tenants, keys=[expiring]
    )

    save_snapshot(path, whole)
    save_snapshot(path, newer)

    assert load_snapshot(path) == newer
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["snapshot.json"]


def test_no_snapshot_yet_is_none(tmp_path: Path) -> None:
    assert load_snapshot(tmp_path / "snapshot.json") is None


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 1}'], ids=["empty", "cut", "other"])
def test_a_damaged_snapshot_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "snapshot.json"
    path.write_bytes(content)

    with pytest.raises(SnapshotUnreadable, match=r"snapshot\.json"):
        load_snapshot(path)
