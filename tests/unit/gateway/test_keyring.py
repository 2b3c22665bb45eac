from datetime import UTC, datetime

import pytest

from gateway.keyring import KeyRing, Unauthenticated, presented_key
from storage.platform.keys import hash_key
from storage.platform.snapshot import KeyEntry, Snapshot

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ring(expires_at: datetime | None = None) -> KeyRing:
    key = KeyEntry(
        key_id="k1",
        hash=hash_key("gf_one"),
        tenant="acme",
        role="meter",
        scopes=["mdms:write"],
        expires_at=expires_at,
    )
    return KeyRing(Snapshot(version=1, zone="z", zones=[], tenants=[], keys=[key]))


@pytest.mark.parametrize(
    "read",
    [
        pytest.param({b"authorization": b"Bearer gf_one"}, id="bearer"),
        pytest.param({b"authorization": b"bearer  gf_one"}, id="scheme_in_small_letters"),
        pytest.param({b"x-api-key": b"gf_one"}, id="own_header"),
        pytest.param(
            {b"x-api-key": b"gf_one", b"authorization": b"Bearer gf_one"}, id="the_same_twice"
        ),
    ],
)
def test_a_key_is_found(read: dict[bytes, bytes]) -> None:
    assert presented_key(read) == b"gf_one"


@pytest.mark.parametrize(
    "read",
    [
        pytest.param({}, id="nothing"),
        pytest.param({b"x-api-key": b""}, id="empty"),
        pytest.param({b"authorization": b"Basic Z2Y6b25l"}, id="another_scheme"),
        pytest.param({b"authorization": b"Bearer"}, id="scheme_alone"),
        pytest.param({b"authorization": b"Basic x", b"x-api-key": b"gf_one"}, id="scheme_and_key"),
        pytest.param({b"authorization": b"Bearer gf_two", b"x-api-key": b"gf_one"}, id="two_keys"),
    ],
)
def test_no_key_is_found(read: dict[bytes, bytes]) -> None:
    with pytest.raises(Unauthenticated):
        presented_key(read)


def test_the_holder_of_a_key() -> None:
    caller = ring().caller(b"gf_one")

    assert (caller.key_id, caller.tenant) == ("k1", "acme")
    assert caller.scopes == frozenset({"mdms:write"})
    assert not caller.is_zone


def test_a_key_ends_at_its_expiry() -> None:
    before = NOON.replace(hour=11)

    assert ring(NOON).caller(b"gf_one", now=before).key_id == "k1"
    with pytest.raises(Unauthenticated, match="expired"):
        ring(NOON).caller(b"gf_one", now=NOON)


def test_bytes_that_are_no_text_are_an_unknown_key() -> None:
    with pytest.raises(Unauthenticated, match="not known"):
        ring().caller(b"\xff\xfe")
