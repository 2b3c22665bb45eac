import stat
from pathlib import Path

import msgspec
import pytest

from gateway.authorization import Forbidden, check_scope
from gateway.keyring import KeyRing, Unauthenticated
from storage.platform.functions.spec import FunctionSpec, Scopes
from storage.platform.keys import hash_key
from storage.platform.local_keys import FILE_NAME, LocalKeysUnreadable, load_local_keys
from storage.platform.snapshot import KeyEntry, Snapshot, TenantEntry, ZoneEntry
from zones.agent.local_keys import LocalKeys

GUARDED = FunctionSpec(name="bills", scopes=Scopes(read=["bills:read"], write=["bills:write"]))


def snapshot(*tenants: str, keys: list[KeyEntry] | None = None) -> Snapshot:
    return Snapshot(
        version=1,
        zone="zone-3a",
        zones=[ZoneEntry(name="zone-3a", tier=3)],
        tenants=[
            TenantEntry(slug=slug, number=at, name=slug, zones=["zone-3a"])
            for at, slug in enumerate(tenants, 1)
        ],
        keys=keys or [],
    )


@pytest.fixture
def keys(tmp_path: Path) -> LocalKeys:
    keys = LocalKeys(tmp_path, shared_dir=tmp_path, zone="zone-3a")
    keys.settle(["acme", "basra"])
    return keys


def test_a_tenants_key_opens_all_of_the_tenants_functions(keys: LocalKeys, tmp_path: Path) -> None:
    ring = KeyRing(snapshot("acme", "basra"), local=load_local_keys(tmp_path))

    caller = ring.caller((keys.of("acme") or "").encode())

    assert (caller.tenant, caller.role) == ("acme", "tenant-service")
    check_scope(caller=caller, function=GUARDED, method="POST")


def test_it_is_kept_over_a_restart_and_readable_to_its_owner_alone(
    keys: LocalKeys, tmp_path: Path
) -> None:
    again = LocalKeys(tmp_path, shared_dir=tmp_path, zone="zone-3a")

    assert again.of("acme") == keys.of("acme") != keys.of("basra")
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert (keys.of("acme") or "") not in (tmp_path / FILE_NAME).read_text()


def test_it_ends_with_the_tenants_leaving(keys: LocalKeys, tmp_path: Path) -> None:
    text = (keys.of("basra") or "").encode()
    before = load_local_keys(tmp_path)
    keys.settle(["acme"])

    assert keys.of("basra") is None
    # Also before the gateway has seen the new list.
    for local in (before, load_local_keys(tmp_path)):
        with pytest.raises(Unauthenticated):
            KeyRing(snapshot("acme"), local=local).caller(text)


def test_every_scope_cannot_be_had_from_the_record() -> None:
    forged = KeyEntry(
        key_id="k", hash=hash_key("gf_x"), tenant="acme", role="tenant-service", scopes=["*"]
    )
    caller = KeyRing(snapshot("acme", keys=[forged])).caller(b"gf_x")

    with pytest.raises(Forbidden):
        check_scope(caller=caller, function=GUARDED, method="GET")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"role": "platform-admin"}, id="an_administrator"),
        pytest.param({"tenant": None}, id="nobodys"),
        pytest.param({"zone": "zone-1"}, id="a_zones"),
    ],
)
def test_a_list_with_more_than_services_is_refused(
    keys: LocalKeys, tmp_path: Path, change: dict[str, str | None]
) -> None:
    entry = msgspec.structs.replace(load_local_keys(tmp_path)[0], **change)
    (tmp_path / FILE_NAME).write_bytes(msgspec.json.encode([entry]))

    with pytest.raises(LocalKeysUnreadable):
        load_local_keys(tmp_path)


def test_no_list_is_an_empty_one(tmp_path: Path) -> None:
    assert load_local_keys(tmp_path) == []
