"""Tenants: listed everywhere, recorded and changed in zone 1."""

from typing import Annotated

from fastapi import APIRouter, Depends

from gateway.control.caller import ControlCall, control_call, require_role
from gateway.control.models import NewTenant, Tenant, TenantChange, TenantList
from storage.platform.keys import Role
from storage.platform.snapshot import TenantEntry

router = APIRouter()

Call = Annotated[ControlCall, Depends(control_call)]


@router.get("/v1/platform/tenants")
async def list_tenants(call: Call) -> TenantList:
    """List the tenants known here: a zone sees those it carries, a tenant's admin its own."""
    require_role(call.caller, Role.PLATFORM_ADMIN, Role.OPERATOR, Role.ZONE, Role.TENANT_ADMIN)
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
    own = call.caller.tenant
    zone = call.caller.zone
    served = None if zone is None else call.snapshots.ring.snapshot.served(zone)
    return TenantList(
        tenants=[
            _shown(entry, link_only=served is not None and entry.slug not in served)
            for entry in tenants
            if own is None or entry.slug == own
        ]
    )


@router.post("/v1/platform/tenants", status_code=201)
async def create_tenant(body: NewTenant, call: Call) -> Tenant:
    """Record a tenant; its zones' agents build its walls within seconds."""
    require_role(call.caller, Role.PLATFORM_ADMIN)
    made = await call.record().tenants.create(
        slug=body.slug, name=body.name, zones=body.zones, calls_per_s=body.calls_per_s
    )
    return _shown(made)


@router.patch("/v1/platform/tenants/{slug}")
async def change_tenant(slug: str, body: TenantChange, call: Call) -> Tenant:
    """Change what the body names; a zone that loses the tenant only hands on what it has."""
    require_role(call.caller, Role.PLATFORM_ADMIN)
    given = body.model_dump(include=body.model_fields_set)
    return _shown(await call.record().tenants.change(slug, **given))


def _shown(entry: TenantEntry, *, link_only: bool = False) -> Tenant:
    return Tenant(
        slug=entry.slug,
        number=entry.number,
        name=entry.name,
        zones=entry.zones,
        leaving=entry.leaving,
        link_only=link_only,
        calls_per_s=entry.calls_per_s,
        settings=entry.settings,
    )
