"""The routes that zones ask the record by: blocks, proofs that it has them, their history."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from functions.cold_storage import examples
from functions.cold_storage.metrics import ColdMetrics
from functions.runtime.zone_route import ZoneCaller
from storage.cold import proving
from storage.cold.pool import Pool
from storage.model.recall import MEDIA_TYPE, decode_question, encode

Opened = Callable[[], Pool]


def recall_routes(pool: Opened, *, zone: str, metrics: ColdMetrics) -> APIRouter:
    """Make the router; `pool` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/cold_storage", tags=["cold_storage"])

    @router.post("/recall", summary="Have blocks of the record", **examples.RECALL)
    async def recall(_: ZoneCaller, request: Request) -> Response:
        """Blocks that exist, tail and folded blocks merged, all at one instant."""
        question = decode_question(await request.body())
        answer = await proving.recall(pool(), question, zone=zone)
        found = len(answer.blocks) + len(answer.events)
        asked = len(question.blocks) + len(question.events)
        metrics.asked("recall", found=found, absent=asked - found)
        return _packed(answer)

    @router.post("/proofs", summary="Prove that the record has blocks", **examples.PROOFS)
    async def proofs(_: ZoneCaller, request: Request) -> Response:
        """A digest of each block, and whether an exception about it is open."""
        question = decode_question(await request.body())
        answer = await proving.prove(pool(), question, zone=zone)
        every = [*answer.blocks, *answer.events]
        found = sum(bool(one.digest) for one in every)
        metrics.asked("proofs", found=found, absent=len(every) - found)
        return _packed(answer)

    @router.post("/history", summary="Have the history of blocks", **examples.HISTORY)
    async def history(_: ZoneCaller, request: Request) -> Response:
        """Every version that does not count now."""
        question = decode_question(await request.body())
        answer = await proving.history(pool(), question)
        metrics.asked("history", found=len(question.blocks) + len(question.events), absent=0)
        return _packed(answer)

    return router


def _packed(answer: Any) -> Response:
    return Response(encode(answer), media_type=MEDIA_TYPE)
