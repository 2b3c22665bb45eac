import pytest

from gateway.catalogue import (
    Catalogue,
    CatalogueMissing,
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
    entry, asked = catalogue().route(raw_path, snapshot=SNAPSHOT)

    assert (entry.name, asked) == (name, path)


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
        catalogue().route(raw_path, snapshot=SNAPSHOT)


def test_a_function_of_other_tiers_is_named_with_its_zones() -> None:
    with pytest.raises(NotInThisZone) as refused:
        catalogue().route(b"/v1/billing/x", snapshot=SNAPSHOT)

    assert refused.value.members == {
        "function": "billing",
        "tiers": [1, 2],
        "zones": ["zone-1", "zone-2"],
    }


def test_before_the_agent_answered_nothing_is_known() -> None:
    with pytest.raises(CatalogueMissing):
        Catalogue(tier=3).route(b"/v1/mdms", snapshot=SNAPSHOT)
