"""What zones ask about deployments: a bundle by its digest, and what is in force in their own."""

import asyncio
import contextlib
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.exceptions import HTTPException

from gateway.authorization import Forbidden
from gateway.control.caller import ControlCall, control_call, require_role
from storage.platform.keys import Role
from storage.platform.snapshot import Snapshot, TenantEntry

LONGEST_WAIT_S = 2.0
router = APIRouter()

Call = Annotated[ControlCall, Depends(control_call)]


@router.get(
    "/v1/platform/bundles/{digest}",
    response_class=Response,
    responses={200: {"content": {"application/gzip": {}}, "description": "The packed bundle."}},
)
async def read_bundle(
    digest: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", examples=["0" * 64])], call: Call
) -> Response:
    """Give a zone a bundle that is in force for one of its tenants."""
    require_role(call.caller, Role.ZONE)
    snapshot = call.snapshots.ring.snapshot
    served = snapshot.served(call.caller.zone or "")
    if not any(one.digest == digest and one.tenant in served for one in snapshot.deployments):
        raise HTTPException(404, "no function of this zone's tenants has this bundle")
    return Response(await call.agent.bundle(digest), media_type="application/gzip")


@router.get(
    "/v1/platform/deployments",
    response_class=Response,
    responses={200: {"content": {"application/json": {}}}, 304: {"description": "As before."}},
)
async def list_deployments(
    request: Request,
    call: Call,
    wait_s: Annotated[float, Query(ge=0, le=LONGEST_WAIT_S)] = 0.0,
) -> Response:
    """Tell a zone's own services which functions its tenants have, and where tenants are served.

    With `If-None-Match` the answer waits up to `wait_s` for another one than that.
    """
    require_role(call.caller, Role.ZONE)
    held = request.headers.get("if-none-match")
    body, mark = _listing(call)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            while mark == held:
                await call.snapshots.change()
                body, mark = _listing(call)
    if mark == held:
        return Response(status_code=304, headers={"etag": mark})
    return Response(body, media_type="application/json", headers={"etag": mark})


def _listing(call: ControlCall) -> tuple[bytes, str]:
    snapshot = call.snapshots.ring.snapshot
    if call.caller.zone != snapshot.zone:
        raise Forbidden(f"this is asked with the credential of {snapshot.zone} itself")
    served = snapshot.served(snapshot.zone)
    body = msgspec.json.encode(
        {
            "deployments": [one for one in snapshot.deployments if one.tenant in served],
            "tenants": [_told(one, snapshot) for one in snapshot.tenants if one.slug in served],
        }
    )
    return body, f'"{sha256(body).hexdigest()[:32]}"'


def _told(tenant: TenantEntry, snapshot: Snapshot) -> dict[str, Any]:
    """Name the tiers in which the tenant's functions run: of its zones, and of all above them."""
    zones = {zone.name: zone for zone in snapshot.zones}
    tiers = set()
    for name in tenant.zones:
        above: str | None = name
        while above is not None and (zone := zones.get(above)) is not None:
            tiers.add(zone.tier)
            above = zone.parent
    return {"slug": tenant.slug, "tiers": sorted(tiers)}
