"""The routes that carry readings, as raw ASGI: what a zone's gateway forwards all day."""

import asyncio
import logging
from collections.abc import Awaitable, MutableMapping
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from functions.mdms import uplink
from functions.mdms.body_forms import FORMS, BodyReader
from functions.mdms.content_coding import CODINGS, decode
from functions.mdms.deadlines import SWEEP_S, Deadlines
from functions.mdms.metrics import MdmsMetrics
from functions.mdms.problems import (
    PROBLEMS,
    UNFORESEEN,
    DeadlineExceeded,
    MethodNotAllowed,
    NotInThisZone,
    ZonesOnly,
)
from functions.mdms.reading_schema import Acknowledgement
from functions.mdms.request_body import (
    ClientGone,
    Receive,
    content_encoding,
    content_form,
    header_map,
    read_request_body,
)
from functions.mdms.service import Answer, Ingest
from functions.mdms.zone_routes import ZONE_CREDENTIAL, LinkRoutesOnly
from functions.runtime.problem import Problem, Send, problem_of, raw_problem, send_problem
from functions.runtime.request import caller_of, deadline_ms_of
from functions.runtime.whole_call import Headers, Reply, WholeCall

READINGS: Final = "/v1/mdms/readings"
UPLINK: Final = "/v1/mdms/uplink"
LONGEST_S: Final = 30.0

Scope = MutableMapping[str, Any]

logger = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder()
_WAITED_FOR: Final = "the hot store"
_PLAIN: Final = ("identity",)
_REFUSALS: Final = tuple(PROBLEMS)
_MOST_JUDGED: Final = 512


class _Judged(NamedTuple):
    """How the body of a call is read, and the time that it has."""

    read: BodyReader
    left_s: float


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
        self._deadlines = Deadlines(_WAITED_FOR)
        self._judged: dict[object, _Judged] = {}

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
                work, waited_for = self._readings(headers, receive), _WAITED_FOR
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

    def take_whole(self, call: WholeCall, reply: Reply) -> bool:
        """Begin to answer readings that nothing is unusual about; all else is for ASGI."""
        ingest = self._ingest
        if ingest is None or len(call.body) > self._max_body_bytes:
            return False
        judged = self._judged.get(call.alike) or self._judge(call)
        if judged is None:
            return False
        try:
            waiting = ingest.enter(call.body, read=judged.read)
        except _REFUSALS:
            return False
        self._deadlines.watch(waiting, left_s=judged.left_s)
        waiting.add_done_callback(partial(self._reply, reply, call.headers))
        return True

    def _judge(self, call: WholeCall) -> _Judged | None:
        """Look at all but the body; what calls that are alike have in common is looked at once."""
        if call.path != READINGS or call.method != "POST":
            return None
        headers = header_map(call.headers)
        if ZONE_CREDENTIAL in headers:
            return None
        try:
            left_s = _left_s(deadline_ms_of(headers))
            form, _ = content_form(headers, media_types=FORMS, encodings=_PLAIN)
        except _REFUSALS:
            return None
        if left_s < SWEEP_S:
            return None
        judged = _Judged(FORMS[form], left_s)
        if call.alike is not None:
            if len(self._judged) >= _MOST_JUDGED:
                self._judged.clear()
            self._judged[call.alike] = judged
        return judged

    def _reply(self, reply: Reply, headers: Headers, waiting: asyncio.Future[Answer]) -> None:
        try:
            body = self._answered(waiting.result())
        except Exception as error:  # noqa: BLE001 - the process edge: logged, answered, alive
            problem = _problem(error)
            self._metrics.refused(problem.slug)
            request_id = dict(headers).get(b"x-request-id", b"").decode("latin-1")
            reply(problem.status, *raw_problem(problem, request_id=request_id))
            return
        reply(200, _json_headers(body), body)

    def _answered(self, answer: Answer) -> bytes:
        self._metrics.answered(answer)
        return _encoder.encode(answer)

    async def _readings(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        if self._ingest is None:
            raise NotInThisZone(what="the first hop of readings", tiers=[3], tier=self._tier)
        form, coding = content_form(headers, media_types=FORMS, encodings=CODINGS)
        body = await read_request_body(receive, headers, limit=self._max_body_bytes)
        if coding != "identity":
            body = await asyncio.to_thread(
                decode, body, coding=coding, limit=self._max_decoded_bytes
            )
        return self._answered(await self._ingest.take(body, read=FORMS[form]))

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
    left_s = _left_s(deadline_ms)
    try:
        async with asyncio.timeout(left_s):
            return await work
    except TimeoutError as error:
        raise DeadlineExceeded(left_s, waited_for) from error


def _left_s(deadline_ms: int | None) -> float:
    return LONGEST_S if deadline_ms is None else min(LONGEST_S, deadline_ms / 1000)


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
            "headers": _json_headers(body),
        }
    )
    await send({"type": "http.response.body", "body": body})


def _json_headers(body: bytes) -> Headers:
    return [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
