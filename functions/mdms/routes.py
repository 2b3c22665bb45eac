"""Routes of the meter registry, by FastAPI: the meters, and the registry's way down."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
import zstandard
from fastapi import APIRouter, Depends, Query, Request, Response

from functions.mdms import examples
from functions.mdms.lookup import registered_meter
from functions.mdms.meter_form import MeterRefused, read_forms
from functions.mdms.meter_schema import (
    DownlinkPage,
    DownlinkTaken,
    MeterOutcome,
    MetersAnswer,
    MetersBody,
    MetersPage,
)
from functions.mdms.ports import Backing
from functions.mdms.problems import NotInThisZone, VersionGap, ZonesOnly
from functions.mdms.readings_body import MalformedBody
from functions.mdms.request_body import content_encoding, header_map, read_request_body
from functions.mdms.settings import MdmsSettings
from functions.runtime.request import Caller, caller
from storage.model.meter import Meter, RegistryPosition

_meters_body = msgspec.json.Decoder(MetersBody)
_downlink_page = msgspec.json.Decoder(DownlinkPage)

_WORTH_PACKING: Final = 4_096
_QUICK: Final = 1

AnyCaller = Annotated[Caller, Depends(caller)]


def zone_caller(known: AnyCaller) -> Caller:
    """Give the caller if it is a zone.

    Raises:
        ZonesOnly: it is somebody else.
    """
    if known.zone is None:
        raise ZonesOnly
    return known


ZoneCaller = Annotated[Caller, Depends(zone_caller)]


def routes(backing: Callable[[], Backing], settings: MdmsSettings) -> APIRouter:
    """Make the router; `backing` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/mdms", tags=["mdms"])

    async def decoded(request: Request, decoder: msgspec.json.Decoder[Any]) -> Any:
        headers = header_map(request.scope["headers"])
        content_encoding(headers, media_type="application/json", encodings=("identity",))
        body = await read_request_body(request.receive, headers, limit=settings.max_body_bytes)
        try:
            return decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedBody(str(error)) from error

    @router.post("/meters", summary="Register or change meters", **examples.REGISTER)
    async def register_meters(_: AnyCaller, request: Request) -> Response:
        """Each meter is judged on its own; headquarters only."""
        zone = backing()
        if zone.registrar is None:
            raise NotInThisZone(what="the registration of meters", tiers=[1], tier=zone.tier)
        body: MetersBody = await decoded(request, _meters_body)
        read = list(read_forms(body.meters))
        version, outcomes = await zone.registrar.register(
            [one for one in read if isinstance(one, Meter)]
        )
        written = iter(outcomes)
        every = [_refused(one) if isinstance(one, MeterRefused) else next(written) for one in read]
        counts = Counter(one.outcome for one in every)
        return _json(
            MetersAnswer(
                created=counts["created"],
                unchanged=counts["unchanged"],
                changed=counts["changed"],
                rejected=counts["rejected"],
                version=version,
                meters=every,
            )
        )

    @router.get("/meters", summary="List the meters", **examples.METERS)
    async def list_meters(
        _: AnyCaller,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
        cursor: str = "",
    ) -> Response:
        """Meters by id; go on with `next_cursor`."""
        meters = await backing().book.page(after=cursor, limit=limit + 1)
        more = len(meters) > limit
        return _json(
            MetersPage(
                meters=meters[:limit],
                next_cursor=meters[limit - 1].meter_id if more else None,
            )
        )

    @router.get("/meters/{meter_id}", summary="One meter", **examples.METER)
    async def one_meter(_: AnyCaller, meter_id: str) -> Response:
        """A meter as it is registered now; headquarters adds its `history`."""
        book = backing().book
        meter = await registered_meter(book, meter_id, register=None)
        found: dict[str, Any] = msgspec.to_builtins(meter)
        history = await book.history(meter_id)
        return _json(found if history is None else found | {"history": history})

    @router.get("/downlink", summary="Changes of the registry", **examples.DOWNLINK)
    async def downlink(
        known: ZoneCaller,
        request: Request,
        after: Annotated[int, Query(ge=0)],
        incarnation: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    ) -> Response:
        """What a child zone pulls: all changes after a version, in their order.

        They begin at 0 when the zone's `incarnation` is an older one.
        """
        held = RegistryPosition(incarnation, after)
        page = await backing().book.changes(held=held, limit=limit, incarnation=known.incarnation)
        answer = _json(page)
        if len(answer.body) > _WORTH_PACKING and "zstd" in _accepted(request):
            # A page of thousands of meters says the same again and again.
            packed = await asyncio.to_thread(zstandard.compress, answer.body, _QUICK)
            answer = Response(
                packed, media_type="application/json", headers={"content-encoding": "zstd"}
            )
        if page.complete and not page.meters and page.rules is None:
            # Every change comes through the gateway, which need not ask for this again before.
            answer.headers["x-gridfaas-unchanged"] = "until-write"
        return answer

    @router.get("/downlink/version", summary="Version held here", **examples.DOWNLINK_VERSION)
    async def downlink_version(known: ZoneCaller) -> Response:
        """Which version of the registry this zone holds, and of which incarnation.

        `taken` is how far it has a newer incarnation that is not whole yet.
        """
        zone = backing()
        if zone.copy is not None:
            held, taken = await zone.copy.position(), await zone.copy.taken()
            under_way = {} if taken is None else {"taken": taken._asdict()}
            return _json(held._asdict() | under_way)
        return _json({"version": await zone.book.version(), "incarnation": known.incarnation})

    @router.post("/downlink", summary="Take changes of the registry", **examples.DOWNLINK_TAKE)
    async def take_downlink(_: ZoneCaller, request: Request) -> Response:
        """Apply a page that the parent gave; below headquarters only."""
        zone = backing()
        if zone.copy is None:
            raise NotInThisZone(what="a copy of the registry", tiers=[2, 3], tier=zone.tier)
        page: DownlinkPage = await decoded(request, _downlink_page)
        held = await zone.copy.position()
        if page.incarnation == held.incarnation and page.after > held.version:
            raise VersionGap(after=page.after, held=held.version)
        if page.rules is not None and zone.rules_copy is not None:
            # Before the position moves: a page that is lost here is asked for again.
            await zone.rules_copy.apply(page.rules, incarnation=page.incarnation)
        held = await zone.copy.apply(
            page.meters, after=page.after, to=page.position, complete=page.complete
        )
        return _json(
            DownlinkTaken(
                version=held.version, complete=page.complete, incarnation=held.incarnation
            )
        )

    return router


def _refused(refusal: MeterRefused) -> MeterOutcome:
    return MeterOutcome(
        meter_id=refusal.meter_id,
        outcome="rejected",
        reason=refusal.reason,
        detail=str(refusal),
    )


def _accepted(request: Request) -> set[str]:
    """Content codings that the caller says it undoes; one that it refuses by a weight of 0 counts
    as if it was not named."""
    codings = (one.split(";") for one in request.headers.get("accept-encoding", "").split(","))
    return {name.strip() for name, *weight in codings if "q=0" not in map(str.strip, weight)}


def _json(answer: Any) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
