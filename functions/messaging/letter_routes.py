"""Dead letters: calls that failed for good, to be looked at, replayed or dropped."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from functions.messaging.caller import Caller, caller_of, is_stream_id
from functions.messaging.deployments import bounds_of
from functions.messaging.errors import CursorRefused, NotFound
from functions.messaging.parts import Parts
from functions.messaging.schema import CallAccepted, LetterPage, letter_shown
from storage.hot.queues.record import Bounds

Asking = Annotated[Caller, Depends(caller_of)]


def letter_routes(parts: Parts) -> APIRouter:
    """Make the routes below /v1/messaging/dead-letters."""
    router = APIRouter(prefix="/v1/messaging/dead-letters", tags=["dead letters"])

    @router.get("", summary="Calls that failed for good, oldest first")
    async def listing(
        caller: Asking,
        cursor: str = "0-0",
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
    ) -> LetterPage:
        """Kept up to a number and size; the oldest go first."""
        if not is_stream_id(cursor):
            raise CursorRefused("a cursor is what next_cursor was, as 1795254000000-0")
        found = await parts.letters.read(caller.tenant, after=cursor, limit=limit)
        return LetterPage(
            dead_letters=[letter_shown(letter) for letter in found],
            next_cursor=found[-1].id if len(found) == limit else None,
        )

    @router.post(
        "/{letter_id}/replay",
        status_code=202,
        summary="Queue the call again",
        responses={429: {"description": "too-many-requests: the queue has no room"}},
    )
    async def replay(letter_id: str, response: Response, caller: Asking) -> CallAccepted:
        """As a new call with all its tries, and without a callback; the letter goes."""
        call_id = None
        if is_stream_id(letter_id):
            call_id = await parts.letters.replay(
                caller.tenant, letter_id, bounds=await _bounds(parts, caller.tenant, letter_id)
            )
        if call_id is None:
            raise NotFound("no such dead letter")
        parts.runner.poke(caller.tenant)
        location = f"/v1/calls/{call_id}"
        response.headers["location"] = location
        return CallAccepted(id=call_id, location=location)

    @router.delete("/{letter_id}", status_code=204, summary="Drop a dead letter")
    async def drop(letter_id: str, caller: Asking) -> None:
        if not is_stream_id(letter_id) or not await parts.letters.drop(caller.tenant, letter_id):
            raise NotFound("no such dead letter")

    return router


async def _bounds(parts: Parts, tenant: str, letter_id: str) -> Bounds:
    function = await parts.letters.function_of(tenant, letter_id)
    spec = None if function is None else parts.deployments.find(tenant, function)
    return bounds_of(spec, tenant_bytes=parts.settings.tenant_bytes)
