"""Zones: listed everywhere, recorded in zone 1."""

from typing import Annotated

from fastapi import APIRouter, Depends

from gateway.control.caller import ControlCall, control_call, require_role
from gateway.control.models import NewZone, Zone, ZoneList, ZoneName
from storage.platform.keys import Role
from storage.platform.snapshot import ZoneEntry

router = APIRouter()

Call = Annotated[ControlCall, Depends(control_call)]


@router.get("/v1/platform/zones")
async def list_zones(call: Call) -> ZoneList:
    """List the zones known here: all at headquarters, below it those above and below."""
    require_role(call.caller, Role.PLATFORM_ADMIN, Role.OPERATOR, Role.ZONE)
    if call.registry is not None:
        zones = await call.registry.zones.list()
    else:
        zones = call.snapshots.ring.snapshot.zones
    return ZoneList(zones=[_shown(entry) for entry in zones])


@router.put("/v1/platform/zones/{name}")
async def record_zone(name: ZoneName, body: NewZone, call: Call) -> Zone:
    """Add a zone below its parent, or move it; its credential is a key of role `zone`."""
    require_role(call.caller, Role.PLATFORM_ADMIN)
    entry = ZoneEntry(name=name, tier=body.tier, parent=body.parent)
    await call.record().zones.record([entry])
    return _shown(entry)


def _shown(entry: ZoneEntry) -> Zone:
    return Zone(name=entry.name, tier=entry.tier, parent=entry.parent)
