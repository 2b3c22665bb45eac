"""Who calls the control plane, and what each role may do there."""

from dataclasses import dataclass

from fastapi import Request

from gateway.agent_client import AgentClient
from gateway.authorization import Forbidden
from gateway.catalogue import Catalogue
from gateway.instances import Instances
from gateway.keyring import Caller
from gateway.snapshot_watch import SnapshotWatch
from storage.platform.keys import Role
from storage.platform.registry import Registry
from storage.platform.usage.bills import Bills

# Where the entry leaves its `ControlCall` in the ASGI scope.
SCOPE_KEY = "gridfaas.control"


class OnlyAtHeadquarters(Exception):
    """The record itself is kept in zone 1; other zones hold a copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlCall:
    """What every route needs; `registry` and `bills` are None in zones that hold only a copy."""

    caller: Caller
    request_id: str
    snapshots: SnapshotWatch
    catalogue: Catalogue
    agent: AgentClient
    instances: Instances
    registry: Registry | None
    bills: Bills | None = None

    def record(self) -> Registry:
        """Return the platform's own record.

        Raises:
            OnlyAtHeadquarters: this zone holds a copy.
        """
        if self.registry is None:
            raise OnlyAtHeadquarters("tenants and keys are changed in zone 1")
        return self.registry

    def accounts(self) -> Bills:
        """Return the bills of every tenant.

        Raises:
            OnlyAtHeadquarters: this zone has none.
        """
        if self.bills is None:
            raise OnlyAtHeadquarters("usage is added up in zone 1")
        return self.bills


def control_call(request: Request) -> ControlCall:
    """Give `Depends(control_call)` to routes."""
    call: ControlCall = request.scope[SCOPE_KEY]
    return call


def require_role(caller: Caller, *roles: Role) -> None:
    """Let the caller pass if it has one of `roles`.

    Raises:
        Forbidden: it has another.
    """
    if caller.role not in roles:
        raise Forbidden(f"this needs a key of role {' or '.join(roles)}, not {caller.role}")
