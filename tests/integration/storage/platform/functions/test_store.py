import asyncio

import pytest

from storage.platform.functions import store
from storage.platform.functions.deployed import (
    NameTaken,
    TooManyFunctions,
    TooMuchCode,
    UnknownFunction,
    UnknownVersion,
    Version,
)
from storage.platform.functions.spec import FunctionSpec
from storage.platform.functions.store import Functions
from storage.platform.registry import Registry
from storage.platform.tenants import UnknownTenant


async def deploy(
    registry: Registry, content: str, *, tenant: str = "acme", name: str = "late"
) -> Version:
    made, _ = await registry.functions.deploy(
        tenant=tenant,
        spec=FunctionSpec(name=name, config={"content": content}),
        digest=f"digest of {content}",
        body=content.encode(),
        created_by="key-1",
        taken={"mdms"},
    )
    return made


async def current(registry: Registry) -> int:
    return (await registry.functions.get("acme", "late")).current


async def test_each_deployment_is_a_version_more(registry: Registry) -> None:
    before = await registry.version()

    first = await deploy(registry, "one")
    second = await deploy(registry, "two")

    found = await registry.functions.get("acme", "late")
    assert (first.version, second.version, found.current) == (1, 2, 2)
    assert [one.spec.config["content"] for one in found.versions] == ["one", "two"]
    assert found.in_force == second
    assert (second.created_by, await registry.version()) == ("key-1", before + 2)


async def test_what_is_in_force_already_changes_nothing(registry: Registry) -> None:
    await deploy(registry, "one")
    before = await registry.version()

    again = await deploy(registry, "one")

    assert (again.version, await registry.version()) == (1, before)


async def test_what_was_deployed_before_comes_back_under_its_number(registry: Registry) -> None:
    await deploy(registry, "one")
    await deploy(registry, "two")

    again = await deploy(registry, "one")

    assert (again.version, await current(registry)) == (1, 1)
    assert len((await registry.functions.get("acme", "late")).versions) == 2


async def test_rollback_goes_to_the_one_before_or_to_the_one_asked_for(registry: Registry) -> None:
    for content in ("one", "two", "three"):
        await deploy(registry, content)

    assert (await registry.functions.rollback("acme", "late")).version == 2
    assert (await registry.functions.rollback("acme", "late")).version == 1
    assert (await registry.functions.rollback("acme", "late", to=3)).version == 3
    assert await current(registry) == 3


async def test_there_is_nothing_before_the_first(registry: Registry) -> None:
    await deploy(registry, "one")

    with pytest.raises(UnknownVersion, match="no version before"):
        await registry.functions.rollback("acme", "late")
    with pytest.raises(UnknownVersion, match="no version 7"):
        await registry.functions.rollback("acme", "late", to=7)


async def test_numbers_of_a_removed_function_do_not_come_again(registry: Registry) -> None:
    await deploy(registry, "one")
    await deploy(registry, "two")

    await registry.functions.remove("acme", "late")

    with pytest.raises(UnknownFunction):
        await registry.functions.get("acme", "late")
    assert await registry.functions.list() == []
    assert await registry.functions.bundle("digest of one") is None
    assert (await deploy(registry, "one")).version == 3


async def test_only_so_many_versions_are_kept(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "KEPT_VERSIONS", 2)
    await deploy(registry, "one", tenant="beta")
    for content in ("one", "two", "three", "four"):
        await deploy(registry, content)

    kept = (await registry.functions.get("acme", "late")).versions
    assert [one.version for one in kept] == [3, 4]
    assert await registry.functions.bundle("digest of two") is None
    # Another tenant has the same content, and so the same bundle.
    assert await registry.functions.bundle("digest of one") == b"one"


async def test_many_at_once_get_different_numbers(registry: Registry) -> None:
    made = await asyncio.gather(*(deploy(registry, str(number)) for number in range(8)))

    assert sorted(one.version for one in made) == list(range(1, 9))


async def test_names_and_tenants_are_checked(registry: Registry) -> None:
    with pytest.raises(NameTaken):
        await deploy(registry, "one", name="mdms")
    with pytest.raises(UnknownTenant):
        await deploy(registry, "one", tenant="nobody")
    with pytest.raises(UnknownFunction):
        await registry.functions.rollback("beta", "late")


async def test_a_tenant_has_only_so_many(registry: Registry) -> None:
    few = Functions(registry._engine, max_functions=1)
    await deploy(registry, "one")

    with pytest.raises(TooManyFunctions):
        await few.deploy(
            tenant="acme",
            spec=FunctionSpec(name="other"),
            digest="d",
            body=b"",
            created_by="k",
            taken=(),
        )


async def test_a_zone_is_told_what_its_tenants_run_and_know(registry: Registry) -> None:
    await deploy(registry, "one")
    await deploy(registry, "two")
    await deploy(registry, "one", tenant="beta", name="own")
    await registry.secrets.set("acme", "token", "t0p")
    await registry.secrets.set("beta", "token", "other")

    edge = await registry.snapshot("zone-3a")

    assert [(one.tenant, one.name, one.version) for one in edge.deployments] == [
        ("acme", "late", 2)
    ]
    assert [(one.tenant, one.value) for one in edge.secrets] == [("acme", "t0p")]
    assert "t0p" not in repr(edge)
    whole = await registry.snapshot("zone-1")
    assert {one.tenant for one in whole.deployments} == {"acme", "beta"}


async def test_a_tenants_bundles_take_only_so_much(registry: Registry) -> None:
    small = Functions(registry._engine, max_bundle_bytes=10)
    await deploy(registry, "one")
    before = await registry.version()

    with pytest.raises(TooMuchCode):
        await small.deploy(
            tenant="acme",
            spec=FunctionSpec(name="late", max=2),
            digest="d",
            body=b"x" * 8,
            created_by="k",
            taken=(),
        )

    assert (await current(registry), await registry.version()) == (1, before)
    assert await registry.functions.bundle("d") is None
