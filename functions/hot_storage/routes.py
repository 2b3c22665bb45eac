"""Routes of hot_storage: recall for this zone and those below, and what a tenant may see and do."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from functions.hot_storage import examples
from functions.hot_storage.explain import explained
from functions.hot_storage.parent import ParentUnreachable
from functions.hot_storage.parts import Parts
from functions.hot_storage.policy import day_of
from functions.hot_storage.recall_desk import Busy
from functions.hot_storage.schema import ReadsBody, Run
from functions.hot_storage.status import status_of
from functions.hot_storage.zone_tenants import UnknownTenant
from functions.runtime.problem import ProblemTable
from functions.runtime.request import Caller, NoCaller, caller
from functions.runtime.zone_route import ZoneCaller, ZonesOnly
from storage.hot.keys import RegisterRefused
from storage.model.block import BlockKey
from storage.model.recall import (
    MEDIA_TYPE,
    RecallUnreadable,
    decode_question,
    encode,
)
from storage.model.runs import DAY_S
from storage.ports import StoreFull, StoreUnavailable

IMPORT: Final = "1-0:1.8.0"
MOST_READS: Final = 20_000
AnyCaller = Annotated[Caller, Depends(caller)]


class MalformedBody(ValueError):
    """The body cannot be read; says where."""


PROBLEMS: Final[ProblemTable] = {
    NoCaller: (401, "unauthenticated"),
    ZonesOnly: (403, "forbidden"),
    UnknownTenant: (404, "unknown-tenant"),
    MalformedBody: (400, "malformed-body"),
    RecallUnreadable: (400, "malformed-body"),
    RegisterRefused: (400, "malformed-request"),
    Busy: (503, "too-many-recalls"),
    ParentUnreachable: (503, "parent-unreachable"),
    StoreFull: (503, "store-full"),
    StoreUnavailable: (503, "store-unavailable"),
}


@dataclass(frozen=True, kw_only=True)
class AskedBlock:
    """A block by its meter and day."""

    meter_id: Annotated[str, Query(min_length=1, max_length=64)]
    day: Annotated[date, Query()]
    interval_s: Annotated[int, Query(ge=60, le=DAY_S)] = 900
    register: Annotated[str, Query(min_length=1, max_length=64)] = IMPORT

    @property
    def key(self) -> BlockKey:
        """The block's key.

        Raises:
            MalformedBody: no block has that interval length.
        """
        if DAY_S % self.interval_s:
            raise MalformedBody(f"interval_s {self.interval_s} divides no day")
        return BlockKey(self.meter_id, self.register, day_of(self.day), self.interval_s)


def tier_routes(parts: Parts) -> APIRouter:
    """Make the router."""
    router = APIRouter(prefix="/v1/hot_storage", tags=["hot_storage"])
    reads_body = msgspec.msgpack.Decoder(
        Annotated[list[ReadsBody], msgspec.Meta(max_length=MOST_READS)]
    )
    run_body = msgspec.json.Decoder(Run)

    @router.post("/recall", summary="Have blocks that this zone lacks", **examples.RECALL)
    async def recall(known: AnyCaller, request: Request) -> Response:
        """For this zone's services: what the tiers below have. For a child zone: of both tiers."""
        question = decode_question(await request.body())
        if known.zone is None:
            answer = await parts.desk.recall(known.tenant, question)
        elif question.record:
            answer = await parts.parent.recall(known.tenant, question)
        else:
            answer = await parts.children.recall(known.tenant, question)
        parts.metrics.stale(known.tenant, answer.as_of_us)
        return _packed(answer)

    @router.post("/proofs", summary="Ask what the record has of blocks", **examples.PROOFS)
    async def proofs(known: ZoneCaller, request: Request) -> Response:
        """Passed on to headquarters as it is."""
        question = decode_question(await request.body())
        return _packed(await parts.parent.prove(known.tenant, question))

    @router.post("/history", summary="Ask for the history of blocks", **examples.HISTORY)
    async def history(known: ZoneCaller, request: Request) -> Response:
        """Passed on to headquarters as it is."""
        question = decode_question(await request.body())
        return _packed(await parts.parent.history(known.tenant, question))

    @router.post("/reads", summary="Count reads of hot blocks", status_code=204, **examples.READS)
    async def reads(known: AnyCaller, request: Request) -> Response:
        """What mdms tells of its queries; the counts are the access history of the classifier."""
        try:
            counted = reads_body.decode(await request.body())
        except msgspec.MsgspecError as error:
            raise MalformedBody(str(error)) from error
        book = (await parts.tiers.of(known.tenant)).book
        now_s = parts.runs.now_s()
        for one in counted:
            key = BlockKey(one.meter_id, one.register, one.day, one.interval_s)
            book.count(key, one.reads, now_s=now_s)
        parts.metrics.served(known.tenant, "hot", len(counted))
        return Response(status_code=204)

    @router.get("/status", summary="A tenant's tiers in this zone", **examples.STATUS)
    async def status(known: AnyCaller) -> Response:
        """Bytes and blocks by tier, the age of the newest data, the link, and the last run."""
        return _json(await status_of(parts, known.tenant))

    @router.get("/policy", summary="The policy in force", **examples.POLICY)
    async def policy(known: AnyCaller) -> Response:
        """Change it by the tenant's settings of `hot_storage`, at headquarters."""
        return _json(parts.tenants.policy(known.tenant))

    @router.get("/explain", summary="Why a block is hot or cold", **examples.EXPLAIN)
    async def explain(known: AnyCaller, asked: Annotated[AskedBlock, Depends()]) -> Response:
        """Every reason that is true of a block, which one decides, and what the record has."""
        return _json(await explained(parts, known.tenant, asked.key))

    @router.post("/run", summary="Demote now", **examples.RUN)
    async def run(known: AnyCaller, request: Request) -> Response:
        """Demote what is cold, or with `dry_run` say what would be."""
        body = await request.body()
        try:
            asked = run_body.decode(body) if body else Run()
        except msgspec.MsgspecError as error:
            raise MalformedBody(str(error)) from error
        return _json(await parts.runs.demote(known.tenant, dry_run=asked.dry_run))

    return router


def _packed(answer: Any) -> Response:
    return Response(encode(answer), media_type=MEDIA_TYPE)


def _json(answer: Any) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
