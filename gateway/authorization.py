"""For which tenant a caller may call a function, and with which scope."""

from gateway.keyring import Caller, KeyRing
from gateway.refusal import Refusal
from storage.platform.functions.spec import FunctionSpec
from storage.platform.local_keys import EVERY_SCOPE

# Whose workers run a function that belongs to nobody but the platform.
PLATFORM = "platform"
READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Forbidden(Refusal):
    """The caller is known and may not do this."""


class UnknownTenant(Refusal):
    """The envelope names a tenant that this zone does not know."""


def tenant_named(*, caller: Caller, envelope: str | None, ring: KeyRing) -> str | None:
    """Return the tenant that a call is for: the key's, or a zone's envelope's; None for neither.

    Raises:
        Forbidden: another tenant's name, or a tenant that the zone does not carry.
        UnknownTenant: the envelope names nobody known here.
    """
    if caller.is_zone and envelope is not None:
        assert caller.zone is not None
        if envelope not in ring.tenants:
            raise UnknownTenant(f"tenant {envelope!r} is not known in this zone")
        if not ring.snapshot.carries(zone=caller.zone, tenant=envelope):
            raise Forbidden(f"{caller.zone} does not carry data of tenant {envelope!r}")
        return envelope
    if caller.tenant is not None:
        if envelope is not None and envelope != caller.tenant:
            raise Forbidden("only a zone's credential may name a tenant other than its own")
        if caller.tenant not in ring.tenants:
            raise Forbidden(f"tenant {caller.tenant!r} is not assigned to this zone")
        return caller.tenant
    if envelope is not None:
        raise Forbidden("only a zone's credential may name a tenant")
    return None


def tenant_of(*, caller: Caller, named: str | None, function: FunctionSpec) -> str:
    """Return the tenant in whose name the call runs: the one `named`, or the platform.

    Raises:
        Forbidden: the function runs for tenants, and none is named.
    """
    if named is not None:
        return named
    if function.owner == PLATFORM:
        return PLATFORM
    if caller.is_zone:
        raise Forbidden(f"{function.name} runs for a tenant: name it in GridFaaS-Tenant")
    raise Forbidden(f"{function.name} runs for a tenant, and this key belongs to none")


def check_scope(*, caller: Caller, function: FunctionSpec, method: str) -> None:
    """Let the call pass if the caller holds one of the scopes that the function asks for.

    Raises:
        Forbidden: it holds none of them.
    """
    needed = function.scopes.read if method in READING else function.scopes.write
    if needed and caller.scopes.isdisjoint((*needed, EVERY_SCOPE)):
        raise Forbidden(
            f"{method} on {function.name} needs the scope {' or '.join(needed)}",
            members={"scopes": list(needed)},
        )
