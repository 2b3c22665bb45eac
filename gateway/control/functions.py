"""The registry of functions, as the zone's agent has it."""

from bisect import bisect_right
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from gateway.catalogue import CatalogueMissing
from gateway.control.caller import ControlCall, control_call
from gateway.control.models import Function, FunctionPage
from storage.platform.functions.spec import FunctionSpec

router = APIRouter()


@router.get("/v1/platform/functions")
async def list_functions(
    call: Annotated[ControlCall, Depends(control_call)],
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    cursor: Annotated[str, Query(max_length=64)] = "",
) -> FunctionPage:
    """List every function, also those of other tiers; listing starts none."""
    if not call.catalogue.loaded:
        raise CatalogueMissing("the functions of this zone are not known yet", retry_after_s=1)
    known = call.catalogue.all
    first = bisect_right(known, cursor, key=lambda entry: entry.name)
    page = known[first : first + limit]
    more = first + limit < len(known)
    return FunctionPage(
        functions=[_shown(entry) for entry in page], next_cursor=page[-1].name if more else None
    )


def _shown(entry: FunctionSpec) -> Function:
    return Function(
        name=entry.name,
        tiers=list(entry.tiers),
        route_prefix=entry.route_prefix,
        owner=entry.owner,
        read_scopes=entry.scopes.read,
        write_scopes=entry.scopes.write,
        timeout_s=entry.timeout_s,
        concurrency=entry.concurrency,
        memory_mb=entry.memory_mb,
        max_body_bytes=entry.max_body_bytes,
    )
