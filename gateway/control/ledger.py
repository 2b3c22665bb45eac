"""The way up of the ledger: headquarters stores what a zone sends, a zone between hands it on."""

import asyncio
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from gateway.authorization import Forbidden
from gateway.control.caller import ControlCall, control_call, require_role
from gateway.control.models import LedgerTaken, ZoneName
from storage.platform.keys import Role
from storage.platform.ledger.batch import read_batch
from storage.platform.snapshot import ZoneNotInSnapshot

router = APIRouter()


@router.post("/v1/platform/ledger")
async def take_ledger(
    request: Request,
    call: Annotated[ControlCall, Depends(control_call)],
    segment: Annotated[str, Query(pattern=r"^[0-9A-Za-z._-]{1,100}$")],
    offset: Annotated[int, Query(ge=0, le=2**62)],
    zone: ZoneName | None = None,
) -> LedgerTaken:
    """Take a batch of a zone's ledger: zstd of frames from byte `offset` of one of its segments.

    Once only: the answer names the offset that is wanted next, and a batch that begins elsewhere
    changes nothing. An empty body asks. The answer comes after headquarters' commit.
    """
    require_role(call.caller, Role.ZONE)
    caller = call.caller.zone or ""
    origin = zone or caller
    try:
        below = call.snapshots.ring.snapshot.subtree(caller)
    except ZoneNotInSnapshot:
        below = frozenset()
    if origin not in below:
        raise Forbidden(f"{caller} does not carry the ledger of zone {origin!r}")
    body = await request.body()
    if call.registry is not None:
        read = partial(read_batch, zone=origin, segment=segment, offset=offset, body=body)
        batch = await asyncio.to_thread(read)
        return LedgerTaken(next=await call.registry.ledger.append(batch))
    return LedgerTaken(
        next=await call.agent.pass_ledger(zone=origin, segment=segment, offset=offset, body=body)
    )
