import pytest

from gateway.catalogue import (
    Catalogue,
    CatalogueMissing,
    Deployed,
    FunctionList,
    NoSuchPath,
    NotInThisZone,
)
from storage.platform.functions.spec import FunctionSpec
from storage.platform.snapshot import Snapshot, ZoneEntry

SNAPSHOT = Snapshot(
    version=1,
    zone="zone-3a",
    zones=[
        ZoneEntry(name="zone-1", tier=1),
        ZoneEntry(name="zone-2", tier=2, parent="zone-1"),
        ZoneEntry(name="zone-3a", tier=3, parent="zone-2"),
    ],
    tenants=[],
    keys=[],
)


def catalogue() -> Catalogue:
    made = Catalogue(tier=3)
    made.replace(
        FunctionList(
            functions=[
                FunctionSpec(name="mdms", tiers=[1, 2, 3], route_prefix="/v1/mdms"),
                FunctionSpec(name="billing", tiers=[1, 2], route_prefix="/v1/billing"),
                FunctionSpec(name="own", tiers=[3]),
            ]
        )
    )
    return made


@pytest.mark.parametrize(
    ("raw_path", "name", "path"),
    [
        (b"/v1/mdms", "mdms", b"/v1/mdms"),
        (b"/v1/mdms/readings", "mdms", b"/v1/mdms/readings"),
        (b"/v1/mdms/..x/.a", "mdms", b"/v1/mdms/..x/.a"),
        (b"/function/mdms/readings", "mdms", b"/v1/mdms/readings"),
        (b"/function/own", "own", b"/"),
        (b"/function/own/a/b", "own", b"/a/b"),
    ],
)
def test_a_path_leads_to_a_function(raw_path: bytes, name: str, path: bytes) -> None:
    found = catalogue().route(raw_path, tenant=None, snapshot=SNAPSHOT)

    assert (found.spec.name, found.path) == (name, path)
    assert found.scoped is found.spec


@pytest.mark.parametrize(
    "raw_path",
    [
        b"/",
        b"",
        b"*",
        b"/v1",
        b"/v1/",
        b"/v1/mdmsx",
        b"/v2/mdms",
        b"//v1/mdms",
        b"/v1/own",
        b"/function",
        b"/function/",
        b"/function/none/x",
        b"/v1/mdms/../billing",
        b"/v1/mdms/%2e%2E/billing",
        b"/v1/mdms/.",
        b"/v1/mdms/.%2e",
    ],
)
def test_a_path_leads_nowhere(raw_path: bytes) -> None:
    with pytest.raises(NoSuchPath):
        catalogue().route(raw_path, tenant=None, snapshot=SNAPSHOT)


def test_a_function_of_other_tiers_is_named_with_its_zones() -> None:
    with pytest.raises(NotInThisZone) as refused:
        catalogue().route(b"/v1/billing/x", tenant=None, snapshot=SNAPSHOT)

    assert refused.value.members == {
        "function": "billing",
        "tiers": [1, 2],
        "zones": ["zone-1", "zone-2"],
    }


def test_before_the_agent_answered_nothing_is_known() -> None:
    with pytest.raises(CatalogueMissing):
        Catalogue(tier=3).route(b"/v1/mdms", tenant=None, snapshot=SNAPSHOT)


def tenants() -> Catalogue:
    made = Catalogue(tier=3)
    own = FunctionSpec(name="tariffs")
    hidden = FunctionSpec(name="mdms")
    made.replace(
        FunctionList(
            functions=[
                FunctionSpec(name="mdms", tiers=[1, 2, 3], route_prefix="/v1/mdms"),
                FunctionSpec(
                    name="messaging", owner="platform", route_prefix="/v1/messaging", tiers=[3]
                ),
            ],
            deployed=[
                Deployed(tenant="acme", version=2, digest="d", spec=own),
                Deployed(tenant="acme", version=1, digest="d", spec=hidden),
            ],
        )
    )
    return made


def test_a_tenants_function_is_found_by_the_tenant_alone() -> None:
    found = tenants().route(b"/function/tariffs/a", tenant="acme", snapshot=SNAPSHOT)

    assert (found.spec.name, found.path, found.later) == ("tariffs", b"/a", None)
    for other in ("beta", None):
        with pytest.raises(NoSuchPath):
            tenants().route(b"/function/tariffs/a", tenant=other, snapshot=SNAPSHOT)


def test_a_tenant_cannot_take_the_place_of_a_service() -> None:
    found = tenants().route(b"/function/mdms/x", tenant="acme", snapshot=SNAPSHOT)

    assert found.path == b"/v1/mdms/x"


def test_a_call_for_later_goes_to_messaging_and_keeps_its_function() -> None:
    found = tenants().route(b"/async-function/tariffs/a/b", tenant="acme", snapshot=SNAPSHOT)

    assert (found.spec.name, found.path) == ("messaging", b"/v1/messaging/calls")
    assert found.scoped is not None
    assert (found.scoped.name, found.later) == ("tariffs", b"/a/b")


def test_a_kept_call_is_messagings_whatever_scopes_that_has() -> None:
    found = tenants().route(b"/v1/calls/abc", tenant="acme", snapshot=SNAPSHOT)

    assert (found.spec.name, found.path) == ("messaging", b"/v1/messaging/calls/abc")
    assert found.scoped is None


def test_without_messaging_nothing_is_taken_for_later() -> None:
    for path in (b"/async-function/own", b"/v1/calls/abc"):
        with pytest.raises(NoSuchPath):
            catalogue().route(path, tenant="acme", snapshot=SNAPSHOT)


def test_the_same_list_again_is_no_other_edition() -> None:
    made = tenants()
    edition = made.edition
    made.replace(FunctionList(functions=list(made.all), deployed=[]))
    other = made.edition
    assert other is not edition

    made.replace(FunctionList(functions=list(made.all), deployed=[]), mark="m")
    assert made.edition is other
    assert made.mark == "m"
