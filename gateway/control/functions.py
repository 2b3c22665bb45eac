"""The registry of functions: the platform's as the zone's agent has them, and tenants' own."""

import asyncio
import contextlib
from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.exceptions import HTTPException

from gateway.catalogue import CatalogueMissing
from gateway.control.caller import ControlCall, control_call
from gateway.control.function_models import DeployedVersion, FunctionDetail, Rollback, VersionShown
from gateway.control.in_zone import in_this_zone
from gateway.control.models import Function, FunctionPage
from gateway.control.owner import TenantQuery, owned_by
from storage.platform.failures import RECORD_FAILURES
from storage.platform.functions.bundle import BundleFile, digest_of, open_bundle
from storage.platform.functions.deployed import UnknownFunction
from storage.platform.functions.folder import check_folder
from storage.platform.functions.spec import FunctionSpec
from storage.platform.snapshot import DeploymentEntry

MEDIA_TYPES = frozenset({"application/gzip", "application/x-gzip", "application/octet-stream"})
_BUNDLE = {
    "requestBody": {
        "required": True,
        "description": "A gzipped tar of the folder: function.yaml and handler.py or app.py.",
        "content": {"application/gzip": {"schema": {"type": "string", "format": "binary"}}},
    }
}

# One after another: a small archive may hold some 100 MB, and other work needs threads as well.
_OPENING: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="open-bundle")

router = APIRouter()

Call = Annotated[ControlCall, Depends(control_call)]
Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,62}$", examples=["late-meters"])]


@router.get("/v1/platform/functions")
async def list_functions(
    call: Call,
    tenant: TenantQuery = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    cursor: Annotated[str, Query(max_length=100)] = "",
) -> FunctionPage:
    """List the platform's services and the caller's own functions, also those of other tiers.

    The platform's administrator sees those of `tenant`, or without it of all. Listing starts none.
    """
    if not call.catalogue.loaded:
        raise CatalogueMissing("the functions of this zone are not known yet", retry_after_s=1)
    named = call.caller.tenant or tenant
    if call.caller.tenant is not None and tenant not in (None, call.caller.tenant):
        named = owned_by(call.caller, tenant, change=False)
    seen = call.caller.is_zone or named is not None or call.caller.role in _SEE_ALL
    own = [_own(one) for one in await _in_force(call, named)] if seen else []
    known = sorted([_service(spec) for spec in call.catalogue.all] + own, key=_place)
    first = bisect_right(known, cursor, key=_place)
    page = known[first : first + limit]
    more = first + limit < len(known)
    return FunctionPage(functions=page, next_cursor=_place(page[-1]) if more else None)


@router.post(
    "/v1/platform/functions",
    status_code=201,
    openapi_extra=_BUNDLE,
    responses={
        200: {"model": DeployedVersion, "description": "This content was deployed before."},
        422: {"description": "`malformed-function`: `file`, `line` and `field` name the place."},
    },
)
async def deploy_function(
    request: Request, response: Response, call: Call, tenant: TenantQuery = None
) -> DeployedVersion:
    """Put a version of a function in force; the same content again is the same version.

    Zones prepare it before they switch, each by itself: ask one for the function to see how far
    it is. The version before serves until then.
    """
    owner = owned_by(call.caller, tenant, change=True)
    record = call.record()
    if request.headers.get("content-type", "").partition(";")[0].strip() not in MEDIA_TYPES:
        raise HTTPException(415, "a function is deployed as application/gzip, a tar of its folder")
    if not call.catalogue.loaded:
        raise CatalogueMissing("the platform's services are not known yet", retry_after_s=1)
    body = await request.body()
    loop = asyncio.get_running_loop()
    spec, digest = await loop.run_in_executor(_OPENING, _opened, body)
    version, created = await record.functions.deploy(
        tenant=owner,
        spec=spec,
        digest=digest,
        body=body,
        created_by=call.caller.key_id,
        taken={service.name for service in call.catalogue.all},
    )
    response.status_code = 201 if created else 200
    return DeployedVersion(
        tenant=owner,
        name=spec.name,
        version=version.version,
        digest=digest,
        created=created,
        platform_version=await record.version(),
    )


@router.get("/v1/platform/functions/{name}")
async def describe_function(name: Name, call: Call, tenant: TenantQuery = None) -> FunctionDetail:
    """Show a function, its versions (at headquarters), and how it does in the asked zone."""
    owner = owned_by(call.caller, tenant, change=False)
    versions: list[VersionShown] = []
    entry = await _found(call, owner, name)
    if entry is None:
        spec = next((one for one in call.catalogue.all if one.name == name), None)
        if spec is None:
            raise UnknownFunction(owner, name)
        entry = DeploymentEntry(tenant="", name=name, version=0, digest="", spec=spec)
    elif call.registry is not None:
        versions = [
            VersionShown(
                version=one.version,
                digest=one.digest,
                created_at=one.created_at,
                created_by=one.created_by,
            )
            for one in (await call.registry.functions.get(owner, name)).versions
        ]
    return FunctionDetail(
        tenant=entry.tenant or None,
        name=name,
        version=entry.version,
        digest=entry.digest,
        spec=msgspec.to_builtins(entry.spec),
        versions=versions,
        zone=await in_this_zone(call, tenant=owner, entry=entry),
    )


@router.delete("/v1/platform/functions/{name}", status_code=204)
async def remove_function(name: Name, call: Call, tenant: TenantQuery = None) -> Response:
    """Take a function out of force with all its versions; zones stop it within seconds."""
    owner = owned_by(call.caller, tenant, change=True)
    await call.record().functions.remove(owner, name)
    return Response(status_code=204)


@router.post("/v1/platform/functions/{name}/rollback")
async def roll_back(
    name: Name, call: Call, body: Rollback | None = None, tenant: TenantQuery = None
) -> DeployedVersion:
    """Put an earlier version in force; zones that still have it switch at once."""
    owner = owned_by(call.caller, tenant, change=True)
    wanted = None if body is None else body.version
    record = call.record()
    version = await record.functions.rollback(owner, name, to=wanted)
    return DeployedVersion(
        tenant=owner,
        name=name,
        version=version.version,
        digest=version.digest,
        created=False,
        platform_version=await record.version(),
    )


_SEE_ALL = frozenset({"platform-admin", "operator"})


def _opened(body: bytes) -> tuple[FunctionSpec, str]:
    files: list[BundleFile] = open_bundle(body)
    return check_folder(files), digest_of(files)


async def _in_force(call: ControlCall, tenant: str | None) -> list[DeploymentEntry]:
    """Read the record where it is, so that who deploys sees it in the next answer."""
    if call.registry is not None and not call.caller.is_zone:
        # Without its database headquarters still knows what every zone knows.
        with contextlib.suppress(*RECORD_FAILURES):
            return await call.registry.functions.list(tenant)
    snapshot = call.snapshots.ring.snapshot
    if call.caller.zone is not None:
        served = snapshot.served(call.caller.zone)
        return [one for one in snapshot.deployments if one.tenant in served]
    return [one for one in snapshot.deployments if tenant in (None, one.tenant)]


async def _found(call: ControlCall, tenant: str, name: str) -> DeploymentEntry | None:
    return next((one for one in await _in_force(call, tenant) if one.name == name), None)


def _place(function: Function) -> str:
    return f"{function.name}/{function.tenant or ''}"


def _service(spec: FunctionSpec) -> Function:
    return _shown(spec, tenant=None, version=0)


def _own(entry: DeploymentEntry) -> Function:
    return _shown(entry.spec, tenant=entry.tenant, version=entry.version)


def _shown(spec: FunctionSpec, *, tenant: str | None, version: int) -> Function:
    return Function(
        name=spec.name,
        tenant=tenant,
        version=version,
        tiers=list(spec.tiers),
        route_prefix=spec.route_prefix,
        owner=spec.owner,
        read_scopes=spec.scopes.read,
        write_scopes=spec.scopes.write,
        timeout_s=spec.timeout_s,
        concurrency=spec.concurrency,
        memory_mb=spec.memory_mb,
        max_body_bytes=spec.max_body_bytes,
    )
