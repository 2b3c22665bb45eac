"""The routes that carry readings, as raw ASGI: what a zone's gateway forwards all day."""

import asyncio
import logging
from collections.abc import Awaitable, MutableMapping
from typing import Any, Final

import msgspec

from functions.mdms import uplink
from functions.mdms.body_forms import FORMS
from functions.mdms.content_coding import CODINGS, decode
from functions.mdms.metrics import MdmsMetrics
from functions.mdms.problems import (
    PROBLEMS,
    UNFORESEEN,
    DeadlineExceeded,
    MethodNotAllowed,
    NotInThisZone,
    ZonesOnly,
)
from functions.mdms.request_body import (
    ClientGone,
    Receive,
    content_encoding,
    content_form,
    header_map,
    read_request_body,
)
from functions.mdms.schema import Acknowledgement
from functions.mdms.service import Ingest
from functions.mdms.zone_routes import ZONE_CREDENTIAL, LinkRoutesOnly
from functions.runtime.problem import Problem, Send, problem_of, send_problem
from functions.runtime.request import caller_of, deadline_ms_of

READINGS: Final = "/v1/mdms/readings"
UPLINK: Final = "/v1/mdms/uplink"
LONGEST_S: Final = 30.0

Scope = MutableMapping[str, Any]

logger = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder()


class HotRoutes:
    """`POST /v1/mdms/readings` on the first hop, `POST /v1/mdms/uplink` above it."""

    def __init__(
        self,
        *,
        tier: int,
        max_body_bytes: int,
        max_decoded_bytes: int,
        metrics: MdmsMetrics,
        ingest: Ingest | None,
        keep: uplink.Keep | None,
    ) -> None:
        """`ingest` is for tier 3, `keep` for tiers 2 and 1."""
        self._tier = tier
        self._max_body_bytes = max_body_bytes
        self._max_decoded_bytes = max_decoded_bytes
        self._metrics = metrics
        self._ingest = ingest
        self._keep = keep

    def serves(self, scope: Scope) -> bool:
        """Whether the request is for one of these routes."""
        path: str = scope["path"]
        method: str = scope["method"]
        return path == UPLINK or (path == READINGS and method == "POST")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every error becomes a problem."""
        headers = header_map(scope["headers"])
        request_id = headers.get(b"x-request-id", b"").decode("latin-1")
        try:
            deadline_ms = deadline_ms_of(headers)
            if scope["path"] == READINGS:
                if ZONE_CREDENTIAL in headers:
                    raise LinkRoutesOnly
                work, waited_for = self._readings(headers, receive), "the hot store"
            else:
                work, waited_for = self._uplink(scope, headers, receive), "the store"
            answer = await _within(deadline_ms, work, waited_for)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 - the process edge: logged, answered, alive
            problem = _problem(error)
            self._metrics.refused(problem.slug)
            await send_problem(send, problem, request_id=request_id)
            return
        await _send_json(send, answer)

    async def _readings(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        if self._ingest is None:
            raise NotInThisZone(what="the first hop of readings", tiers=[3], tier=self._tier)
        form, coding = content_form(headers, media_types=FORMS, encodings=CODINGS)
        body = await read_request_body(receive, headers, limit=self._max_body_bytes)
        if coding != "identity":
            body = await asyncio.to_thread(
                decode, body, coding=coding, limit=self._max_decoded_bytes
            )
        answer = await self._ingest.take(body, read=FORMS[form])
        self._metrics.answered(answer)
        return _encoder.encode(answer)

    async def _uplink(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        if self._keep is None:
            raise NotInThisZone(what="the uplink", tiers=[1, 2], tier=self._tier)
        caller = caller_of(scope["headers"])
        if caller.zone is None:
            raise ZonesOnly
        if scope["method"] != "POST":
            raise MethodNotAllowed(scope["method"])
        encoding = content_encoding(
            headers, media_type=uplink.MEDIA_TYPE, encodings=("zstd", "identity")
        )
        body = await read_request_body(receive, headers, limit=self._max_body_bytes)
        kept = await uplink.keep_entries(
            body, encoding=encoding, keep=self._keep, caller=caller.zone, zones=caller.zone_edges
        )
        self._metrics.acknowledged(kept)
        return _encoder.encode(Acknowledgement(kept))


async def _within(deadline_ms: int | None, work: Awaitable[bytes], waited_for: str) -> bytes:
    left_s = LONGEST_S if deadline_ms is None else min(LONGEST_S, deadline_ms / 1000)
    try:
        async with asyncio.timeout(left_s):
            return await work
    except TimeoutError as error:
        raise DeadlineExceeded(left_s, waited_for) from error


def _problem(error: Exception) -> Problem:
    known = problem_of(error, PROBLEMS)
    if known is not None:
        return known
    logger.error("unforeseen error on a hot route", exc_info=error)
    return UNFORESEEN


async def _send_json(send: Send, body: bytes) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
