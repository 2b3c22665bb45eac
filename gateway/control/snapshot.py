"""The way down of tenants and keys: a child zone pulls its part of the snapshot."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from gateway.authorization import Forbidden
from gateway.control.caller import ControlCall, control_call, require_role
from storage.platform.keys import Role
from storage.platform.snapshot import Position, ZoneNotInSnapshot, encode_snapshot

LONGEST_WAIT_S = 2.0
LARGEST = 2**62
router = APIRouter()


@router.get("/v1/platform/snapshot", responses={204: {"description": "Nothing newer in time."}})
async def read_snapshot(
    call: Annotated[ControlCall, Depends(control_call)],
    after: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
    after_incarnation: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
    wait_s: Annotated[float, Query(ge=0, le=LONGEST_WAIT_S)] = LONGEST_WAIT_S,
) -> Response:
    """Answer with the calling zone's snapshot as soon as it is newer than `after`, or with 204.

    A version counts within its incarnation; a record that was restored begins another one.
    """
    require_role(call.caller, Role.ZONE)
    held = Position(after_incarnation, after)
    if call.registry is not None and call.snapshots.ring.snapshot.position < held:
        # What a zone was once given is gone here: the record was put back behind our back.
        await call.registry.settle(claimed=held)
    ring = await call.snapshots.newer_than(held, within_s=wait_s)
    if ring is None:
        return Response(status_code=204)
    zone = call.caller.zone or ""
    try:
        narrowed = ring.snapshot.for_zone(zone)
    except ZoneNotInSnapshot as error:
        raise Forbidden(f"{zone} is not below this zone") from error
    return Response(encode_snapshot(narrowed), media_type="application/json")
