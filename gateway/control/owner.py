"""Whose functions and secrets a control call is about."""

from typing import Annotated

from fastapi import Query

from gateway.authorization import Forbidden
from gateway.control.caller import require_role
from gateway.keyring import Caller
from storage.platform.keys import Role

TenantQuery = Annotated[
    str | None,
    Query(
        pattern=r"^[a-z][a-z0-9-]{1,30}$",
        description="For the platform's administrator: whose function it is.",
    ),
]


class TenantMissing(Exception):
    """The platform's administrator has functions of no tenant but the one that it names."""


def owned_by(caller: Caller, named: str | None, *, change: bool) -> str:
    """Return the tenant whose functions the caller may see, or with `change` also change.

    Raises:
        Forbidden: another tenant's, or a key that only calls functions.
        TenantMissing: the platform's administrator named none.
    """
    if change:
        require_role(caller, Role.TENANT_ADMIN, Role.PLATFORM_ADMIN)
    else:
        require_role(
            caller, Role.TENANT_ADMIN, Role.TENANT_SERVICE, Role.PLATFORM_ADMIN, Role.OPERATOR
        )
    if caller.tenant is not None:
        if named not in (None, caller.tenant):
            raise Forbidden(f"this key is of tenant {caller.tenant!r}")
        return caller.tenant
    if named is None:
        raise TenantMissing("name the tenant with ?tenant=")
    return named
