"""Secrets of a tenant's functions: set, named and removed in zone 1, never told again."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from gateway.control.caller import ControlCall, control_call
from gateway.control.function_models import SecretList, SecretShown, SecretValue
from gateway.control.owner import TenantQuery, owned_by

router = APIRouter()

Call = Annotated[ControlCall, Depends(control_call)]
Name = Annotated[str, Path(max_length=64, examples=["crm_token"])]


@router.get("/v1/platform/secrets")
async def list_secrets(call: Call, tenant: TenantQuery = None) -> SecretList:
    """List the names of a tenant's secrets."""
    owner = owned_by(call.caller, tenant, change=True)
    found = await call.record().secrets.list(owner)
    return SecretList(
        secrets=[SecretShown(name=one.name, changed_at=one.changed_at) for one in found]
    )


@router.put("/v1/platform/secrets/{name}", status_code=204)
async def set_secret(
    name: Name, body: SecretValue, call: Call, tenant: TenantQuery = None
) -> Response:
    """Give a secret a value; workers of functions that ask for it are replaced."""
    owner = owned_by(call.caller, tenant, change=True)
    await call.record().secrets.set(owner, name, body.value)
    return Response(status_code=204)


@router.delete("/v1/platform/secrets/{name}", status_code=204)
async def remove_secret(name: Name, call: Call, tenant: TenantQuery = None) -> Response:
    """Forget a secret."""
    owner = owned_by(call.caller, tenant, change=True)
    await call.record().secrets.remove(owner, name)
    return Response(status_code=204)
