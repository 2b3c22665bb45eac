import pytest

from gateway.authorization import Forbidden, UnknownTenant, check_scope, tenant_named, tenant_of
from gateway.keyring import Caller, KeyRing
from storage.platform.functions.spec import FunctionSpec, Scopes
from storage.platform.snapshot import Snapshot, TenantEntry, ZoneEntry

RING = KeyRing(
    Snapshot(
        version=1,
        zone="zone-2",
        zones=[
            ZoneEntry(name="zone-2", tier=2, parent="zone-1"),
            ZoneEntry(name="zone-3a", tier=3, parent="zone-2"),
            ZoneEntry(name="zone-3b", tier=3, parent="zone-2"),
        ],
        tenants=[
            TenantEntry(slug="acme", number=1, name="Acme", zones=["zone-3a"]),
            TenantEntry(slug="beta", number=2, name="Beta", zones=["zone-3b"]),
        ],
        keys=[],
    )
)
OWN = FunctionSpec(name="mdms", tiers=[2])
PLATFORMS = FunctionSpec(name="traffic", tiers=[2], owner="platform")


def caller(
    *, tenant: str | None = None, zone: str | None = None, scopes: frozenset[str] = frozenset()
) -> Caller:
    role = "zone" if zone else "tenant-service" if tenant else "operator"
    return Caller(key_id="k", role=role, tenant=tenant, scopes=scopes, zone=zone, expires_at=None)


@pytest.mark.parametrize(
    ("who", "envelope", "function", "tenant"),
    [
        pytest.param(caller(tenant="acme"), None, OWN, "acme", id="from_the_key"),
        pytest.param(caller(tenant="acme"), "acme", OWN, "acme", id="its_own_name_said_again"),
        pytest.param(caller(tenant="acme"), None, PLATFORMS, "acme", id="tenant_at_the_platform"),
        pytest.param(caller(zone="zone-3a"), "acme", OWN, "acme", id="zone_of_the_tenant"),
        pytest.param(caller(zone="zone-2"), "beta", OWN, "beta", id="zone_above_the_tenants"),
        pytest.param(caller(zone="zone-3a"), None, PLATFORMS, "platform", id="zone_for_itself"),
        pytest.param(caller(), None, PLATFORMS, "platform", id="operator"),
    ],
)
def test_in_whose_name_a_call_runs(
    who: Caller, envelope: str | None, function: FunctionSpec, tenant: str
) -> None:
    named = tenant_named(caller=who, envelope=envelope, ring=RING)

    assert tenant_of(caller=who, named=named, function=function) == tenant


@pytest.mark.parametrize(
    ("who", "envelope", "error"),
    [
        pytest.param(caller(tenant="acme"), "beta", Forbidden, id="another_tenants_name"),
        pytest.param(caller(tenant="gone"), None, Forbidden, id="tenant_not_of_this_zone"),
        pytest.param(caller(zone="zone-3a"), "beta", Forbidden, id="a_siblings_tenant"),
        pytest.param(caller(zone="zone-9"), "beta", Forbidden, id="zone_outside_the_topology"),
        pytest.param(caller(zone="zone-3a"), "nobody", UnknownTenant, id="unknown_tenant"),
        pytest.param(caller(zone="zone-3a"), None, Forbidden, id="no_envelope"),
        pytest.param(caller(), "acme", Forbidden, id="operator_with_an_envelope"),
        pytest.param(caller(), None, Forbidden, id="operator_without_a_tenant"),
    ],
)
def test_in_whose_name_no_call_runs(
    who: Caller, envelope: str | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        tenant_of(
            caller=who,
            named=tenant_named(caller=who, envelope=envelope, ring=RING),
            function=OWN,
        )


GUARDED = FunctionSpec(
    name="f", tiers=[2], scopes=Scopes(read=["f:read", "f:all"], write=["f:write"])
)


@pytest.mark.parametrize(
    ("method", "scope", "allowed"),
    [
        ("GET", "f:read", True),
        ("GET", "f:all", True),
        ("GET", "f:write", False),
        ("HEAD", "f:read", True),
        ("POST", "f:write", True),
        ("POST", "f:read", False),
        ("DELETE", "f:read", False),
        ("PROPFIND", "f:read", False),
    ],
)
def test_scopes_by_method(method: str, scope: str, allowed: bool) -> None:
    who = caller(tenant="acme", scopes=frozenset({scope}))
    if allowed:
        check_scope(caller=who, function=GUARDED, method=method)
    else:
        with pytest.raises(Forbidden, match="needs the scope"):
            check_scope(caller=who, function=GUARDED, method=method)


def test_a_function_that_asks_for_no_scope_takes_every_key() -> None:
    check_scope(caller=caller(tenant="acme"), function=OWN, method="POST")
