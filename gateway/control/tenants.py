"""Tenants: listed everywhere, recorded in zone 1."""

from typing import Annotated

from fastapi import APIRouter, Depends

from gateway.control.caller import ControlCall, control_call, require_role
from gateway.control.models import NewTenant, Tenant, TenantList
from storage.platform.keys import Role
from storage.platform.snapshot import TenantEntry

router = APIRouter()


@router.get("/v1/platform/tenants")
async def list_tenants(call: Annotated[ControlCall, Depends(control_call)]) -> TenantList:
    """List the tenants known here; a zone sees those whose data it carries."""
    require_role(call.caller, Role.PLATFORM_ADMIN, Role.OPERATOR, Role.ZONE)
    if call.registry is not None and not call.caller.is_zone:
        # Read from the record, so that who creates a tenant sees it in the next answer.
        tenants = await call.registry.tenants.list()
    else:
        snapshot = call.snapshots.ring.snapshot
        zone = call.caller.zone
        tenants = [
            entry
            for entry in snapshot.tenants
            if zone is None or snapshot.carries(zone=zone, tenant=entry.slug)
        ]
    return TenantList(tenants=[_shown(entry) for entry in tenants])


@router.post("/v1/platform/tenants", status_code=201)
async def create_tenant(
    body: NewTenant, call: Annotated[ControlCall, Depends(control_call)]
) -> Tenant:
    """Record a tenant; its zones' agents build its walls within seconds."""
    require_role(call.caller, Role.PLATFORM_ADMIN)
    made = await call.record().tenants.create(slug=body.slug, name=body.name, zones=body.zones)
    return _shown(made)


def _shown(entry: TenantEntry) -> Tenant:
    return Tenant(slug=entry.slug, number=entry.number, name=entry.name, zones=entry.zones)
