import pytest

from storage.platform.functions import secrets
from storage.platform.functions.secrets import InvalidSecret, TooManySecrets, UnknownSecret
from storage.platform.registry import Registry
from storage.platform.tenants import UnknownTenant


async def values(registry: Registry) -> dict[str, str]:
    return {one.name: one.value for one in (await registry.snapshot("zone-3a")).secrets}


async def test_a_secret_is_set_changed_listed_and_removed(registry: Registry) -> None:
    await registry.secrets.set("acme", "token", "one")
    await registry.secrets.set("acme", "token", "two")
    assert await values(registry) == {"token": "two"}
    assert [one.name for one in await registry.secrets.list("acme")] == ["token"]
    assert await registry.secrets.list("beta") == []

    await registry.secrets.remove("acme", "token")

    assert await values(registry) == {}
    with pytest.raises(UnknownSecret):
        await registry.secrets.remove("acme", "token")


async def test_the_same_value_again_is_no_change(registry: Registry) -> None:
    await registry.secrets.set("acme", "token", "one")
    before = await registry.version()

    await registry.secrets.set("acme", "token", "one")

    assert await registry.version() == before


@pytest.mark.parametrize(
    ("name", "value"), [("../x", "v"), ("1x", "v"), ("x", "v" * 5_000), ("x", "a\0b")]
)
async def test_what_can_be_no_secret_is_refused(registry: Registry, name: str, value: str) -> None:
    with pytest.raises(InvalidSecret) as refused:
        await registry.secrets.set("acme", name, value)

    assert value not in str(refused.value) or len(value) == 1


async def test_a_tenant_has_only_so_many(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "MAX_SECRETS", 1)
    await registry.secrets.set("acme", "one", "1")
    await registry.secrets.set("acme", "one", "2")

    with pytest.raises(TooManySecrets):
        await registry.secrets.set("acme", "two", "2")


async def test_an_unknown_tenant_has_none(registry: Registry) -> None:
    with pytest.raises(UnknownTenant):
        await registry.secrets.set("nobody", "token", "x")
