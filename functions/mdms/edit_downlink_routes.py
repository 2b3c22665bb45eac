"""`/v1/mdms/downlink/edits`: headquarters' edits on their way to the zones that hold the values."""

from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request, Response

from functions.mdms.ports import Backing
from functions.mdms.problems import NotInThisZone
from functions.mdms.request_body import content_encoding, header_map, read_request_body
from functions.mdms.routes import ZoneCaller
from functions.mdms.settings import MdmsSettings
from functions.mdms.uplink import MEDIA_TYPE, EdgeForbidden
from storage.hot.edits import EditPosition
from storage.model.stamp import zone_of_edge
from storage.model.uplink import MAX_SEQUENCE, decode_entries, encode_entries

_POSITION: Final[dict[str, Any]] = {
    "responses": {
        200: {
            "content": {
                "application/json": {
                    "example": {
                        "edge": "zone-1#1792000000000000",
                        "sequence": 1_792_000_000_123_456,
                    }
                }
            }
        }
    }
}
_ENTRIES: Final[dict[str, Any]] = {
    "responses": {
        200: {
            "description": "Entries as the uplink has them, the oldest first; maybe none",
            "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        }
    }
}
_TAKE: Final[dict[str, Any]] = _POSITION | {
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        }
    }
}


def edit_downlink_routes(backing: Callable[[], Backing], settings: MdmsSettings) -> APIRouter:
    """Make the router; `backing` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/mdms/downlink", tags=["mdms"])

    @router.get("/edits", summary="Edits for a child zone", response_class=Response, **_ENTRIES)
    async def edits(
        _: ZoneCaller,
        after: Annotated[int, Query(ge=0, le=MAX_SEQUENCE)] = 0,
        edge: Annotated[str, Query(max_length=128)] = "",
        limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
    ) -> Response:
        """What a child zone pulls: edits and applied estimates after the last that it has.

        They begin with the first when `edge` is not the one that stamps them now.
        """
        zone = backing()
        if zone.edits_down is None:
            raise NotInThisZone(what="edits for zones below", tiers=[1, 2], tier=zone.tier)
        found = await zone.edits_down.after(edge, after, limit=limit)
        answer = Response(encode_entries(found), media_type=MEDIA_TYPE)
        if not found:
            # Every edit comes through the gateway, which need not ask for this again before.
            answer.headers["x-gridfaas-unchanged"] = "until-write"
        return answer

    @router.get("/edits/position", summary="Last edit taken here", **_POSITION)
    async def position(_: ZoneCaller) -> Response:
        """The stamp of the last edit that this zone has taken; empty for none."""
        zone = backing()
        if zone.edits_copy is None:
            raise NotInThisZone(what="a copy of edits", tiers=[2, 3], tier=zone.tier)
        return _json(await zone.edits_copy.position())

    @router.post("/edits", summary="Take edits of headquarters", **_TAKE)
    async def take(known: ZoneCaller, request: Request) -> Response:
        """Take what the parent gave, each edit once; below headquarters only."""
        zone = backing()
        if zone.edits_copy is None:
            raise NotInThisZone(what="a copy of edits", tiers=[2, 3], tier=zone.tier)
        headers = header_map(request.scope["headers"])
        content_encoding(headers, media_type=MEDIA_TYPE, encodings=("identity",))
        body = await read_request_body(request.receive, headers, limit=settings.max_body_bytes)
        entries = decode_entries(body)
        for entry in entries:
            # A child's entries come by the uplink; what comes down is of a zone above.
            if known.zone != zone.zone or zone_of_edge(entry.edge) in (known.zone_edges or ()):
                raise EdgeForbidden(caller=known.zone or "", edge=entry.edge)
        return _json(await zone.edits_copy.take(entries))

    return router


def _json(position: EditPosition) -> Response:
    return Response(msgspec.json.encode(position._asdict()), media_type="application/json")
