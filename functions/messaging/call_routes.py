"""Calls that are carried out later: taken in from the gateway, shown and cancelled."""

import hashlib
import re
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from functions.messaging.callback_target import check_url
from functions.messaging.caller import Caller, caller_of
from functions.messaging.deployments import bounds_of, retrying_of
from functions.messaging.errors import BodyTooLarge, CallEnded, NotFound, NotFromGateway
from functions.messaging.parts import Parts
from functions.messaging.schema import CallAccepted, CallShown, call_shown
from storage.hot.queues.calls import new_call_id
from storage.hot.queues.record import FINAL, Origin, QueueFull
from storage.hot.queues.record import Request as CallRequest

ID_DIGITS: Final = 32
CALL_ID: Final = re.compile(r"[0-9a-f]{32}")
MAX_TARGET: Final = 8_000
Asking = Annotated[Caller, Depends(caller_of)]


def call_routes(parts: Parts) -> APIRouter:
    """Make the routes below /v1/messaging/calls."""
    router = APIRouter(prefix="/v1/messaging/calls", tags=["calls"])

    @router.post(
        "",
        status_code=202,
        summary="Keep a call for later (for the gateway, which has it from /async-function)",
        responses={
            400: {"description": "callback-refused: X-Callback-Url cannot be used"},
            429: {"description": "too-many-requests: `limit` is queue or bytes; see Retry-After"},
            503: {"description": "store-unavailable or store-full: nothing was kept, send again"},
        },
    )
    async def accept(request: Request, response: Response, caller: Asking) -> CallAccepted:
        """Durable when answered: it is carried out, at least once, whatever process dies.

        With an `Idempotency-Key` that a kept call of the same path had, that call is answered.
        """
        asked = await _request_of(request, caller, max_bytes=parts.max_body_bytes)
        if asked.callback is not None:
            check_url(asked.callback, private=parts.settings.private_callbacks)
        spec = await parts.deployments.look_up(caller.tenant, asked.function)
        call_id = _call_id(caller, asked, request.headers.get("idempotency-key"))
        try:
            await parts.queue.add(
                caller.tenant,
                call_id,
                asked,
                retrying=retrying_of(spec),
                bounds=bounds_of(spec, tenant_bytes=parts.settings.tenant_bytes),
            )
        except QueueFull as full:
            parts.metrics.refused(caller.tenant, full.limit)
            raise
        parts.metrics.accepted(caller.tenant, asked.function, Origin.ASYNC.value)
        parts.runner.poke(caller.tenant)
        location = f"/v1/calls/{call_id}"
        response.headers["x-call-id"] = call_id
        response.headers["location"] = location
        return CallAccepted(id=call_id, location=location)

    @router.get("/{call_id}", summary="A call's state, and its result while it is kept")
    async def show(call_id: str, caller: Asking) -> CallShown:
        """Also at /v1/calls/ID, in the zone that took the call."""
        record = None
        if CALL_ID.fullmatch(call_id):
            record = await parts.queue.read(caller.tenant, call_id)
        if record is None:
            raise NotFound("no such call, or its result is not kept any more")
        return call_shown(record)

    @router.delete(
        "/{call_id}",
        summary="Cancel a call",
        responses={409: {"description": "call-ended: it has ended before"}},
    )
    async def cancel(call_id: str, caller: Asking) -> CallShown:
        """A queued call never runs; of a running one the request is dropped."""
        was = None
        if CALL_ID.fullmatch(call_id):
            was = await parts.queue.cancel(caller.tenant, call_id)
        if was is None:
            raise NotFound("no such call, or its result is not kept any more")
        if was in FINAL:
            raise CallEnded(f"the call is {was.value}")
        parts.runner.stop_call(caller.tenant, call_id)
        record = await parts.queue.read(caller.tenant, call_id)
        if record is None:
            raise NotFound("its record is not kept any more")
        return call_shown(record)

    return router


async def _request_of(request: Request, caller: Caller, *, max_bytes: int) -> CallRequest:
    headers = request.headers
    function = headers.get("x-gridfaas-async-function", "")
    target = headers.get("x-gridfaas-async-target", "")
    if not function:
        raise NotFromGateway("calls come in by /async-function/NAME")
    if len(target) > MAX_TARGET:
        raise BodyTooLarge(f"the path and query are longer than {MAX_TARGET} bytes")
    body = await request.body()
    if len(body) > max_bytes:
        raise BodyTooLarge(f"the body is longer than {max_bytes} bytes")
    return CallRequest(
        function=function,
        method=headers.get("x-gridfaas-async-method", "POST"),
        # A query without a path stands behind the function's own.
        target=target if not target or target[0] in "/?" else f"/{target}",
        content_type=headers.get("content-type", ""),
        body=body,
        subject=caller.subject,
        callback=headers.get("x-callback-url"),
    )


def _call_id(caller: Caller, asked: CallRequest, idempotency_key: str | None) -> str:
    """A new id, or with a key one that the same request has again."""
    if idempotency_key is None:
        return new_call_id()
    named = "\0".join((caller.tenant, asked.function, asked.method, asked.target, idempotency_key))
    return hashlib.sha256(named.encode()).hexdigest()[:ID_DIGITS]
