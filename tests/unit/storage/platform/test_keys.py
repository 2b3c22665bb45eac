import re

from storage.platform.keys import DEFAULT_SCOPES, TENANT_ROLES, Role, hash_key, mint_key


def test_a_key_has_192_random_bits_behind_its_prefix() -> None:
    first, second = mint_key(), mint_key()

    assert re.fullmatch(r"gf_[A-Za-z0-9_-]{32}", first)
    assert first != second


def test_the_hash_is_sha_256_in_hex() -> None:
    assert hash_key("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_every_role_has_its_default_scopes_and_no_tenant_role_reaches_the_platform() -> None:
    assert set(DEFAULT_SCOPES) == set(Role)
    assert not [
        scope
        for role in TENANT_ROLES
        for scope in DEFAULT_SCOPES[role]
        if scope.startswith("platform:")
    ]
