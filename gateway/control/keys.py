"""API keys: made, listed and revoked in zone 1."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from gateway.authorization import Forbidden
from gateway.control.caller import ControlCall, control_call, require_role
from gateway.control.models import Key, KeyList, MintedKey, NewKey
from gateway.keyring import Caller
from storage.platform.api_keys import ApiKey
from storage.platform.keys import DEFAULT_SCOPES, TENANT_ROLES, Role

router = APIRouter()

Call = Annotated[ControlCall, Depends(control_call)]


@router.post("/v1/platform/keys", status_code=201)
async def create_key(body: NewKey, call: Call) -> MintedKey:
    """Make a key; its text is in this answer and nowhere else."""
    tenant = _own_tenant(call.caller)
    if tenant is not None:
        if body.role not in TENANT_ROLES or body.tenant not in (None, tenant):
            raise Forbidden(f"this key makes keys for tenant {tenant!r} only")
        wanted = DEFAULT_SCOPES[body.role] if body.scopes is None else frozenset(body.scopes)
        above = wanted - call.caller.scopes
        if above:
            raise Forbidden(f"no key passes on scopes it lacks: {', '.join(sorted(above))}")
    _check_expiry(call.caller, body)
    made = await call.record().keys.create(
        role=body.role,
        tenant=tenant or body.tenant,
        zone=body.zone,
        scopes=body.scopes,
        expires_at=body.expires_at,
        calls_per_s=body.calls_per_s,
    )
    return MintedKey(key=made.text, **_shown(made.record).model_dump())


@router.get("/v1/platform/keys")
async def list_keys(call: Call) -> KeyList:
    """List keys that are not revoked: all of them, or a tenant's own."""
    tenant = _own_tenant(call.caller)
    found = await call.record().keys.list(tenant=tenant)
    return KeyList(keys=[_shown(key) for key in found if key.revoked_at is None])


@router.delete("/v1/platform/keys/{key_id}", status_code=204)
async def revoke_key(key_id: str, call: Call) -> Response:
    """End a key; connected zones refuse it within 5 s."""
    await call.record().keys.revoke(key_id, tenant=_own_tenant(call.caller))
    return Response(status_code=204)


def _check_expiry(caller: Caller, body: NewKey) -> None:
    ends = caller.expires_at
    if ends is not None and (body.expires_at is None or body.expires_at > ends):
        raise Forbidden(f"this key ends at {ends.isoformat()}; none that it makes may outlive it")


def _own_tenant(caller: Caller) -> str | None:
    require_role(caller, Role.PLATFORM_ADMIN, Role.TENANT_ADMIN)
    return caller.tenant


def _shown(key: ApiKey) -> Key:
    return Key(
        key_id=key.key_id,
        tenant=key.tenant,
        role=key.role,
        scopes=list(key.scopes),
        zone=key.zone,
        expires_at=key.expires_at,
        calls_per_s=key.calls_per_s,
    )
