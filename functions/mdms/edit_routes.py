"""Manual edits at headquarters, their approval by another key, and the audit log."""

import time
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime

from functions.mdms import desk_examples
from functions.mdms.cursor import read_cursor, write_cursor
from functions.mdms.desk_calls import actor_of, desk_of, json_of, read_json
from functions.mdms.edit_form import EditDecisionBody, EditForm, EditsBody, edit_answer, new_edit
from functions.mdms.exception_decisions import WrongValues
from functions.mdms.exception_form import audit_answer
from functions.mdms.lookup import UnknownMeter, UnknownRegister, registered_meter
from functions.mdms.ports import Backing
from functions.mdms.settings import MdmsSettings
from functions.runtime.request import Caller, caller
from storage.cold.audit_log import AuditFilter
from storage.cold.desk import PostgresDesk
from storage.cold.edits import NewEdit

_edits: Final = msgspec.json.Decoder(EditsBody)
_decision: Final = msgspec.json.Decoder(EditDecisionBody)
_REFUSALS: Final = {
    UnknownMeter: "unknown-meter",
    UnknownRegister: "unknown-register",
    WrongValues: "wrong-values",
}
AnyCaller = Annotated[Caller, Depends(caller)]
Name = Annotated[str | None, Query(max_length=128)]


def edit_routes(backing: Callable[[], Backing], settings: MdmsSettings) -> APIRouter:
    """Make the router; `backing` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/mdms", tags=["mdms"])

    @router.post("/edits", summary="Edit readings", **desk_examples.EDIT)
    async def edit(known: AnyCaller, request: Request) -> Response:
        """Give readings values of quality 7, which count before any other until the next edit.

        Where the tenant asks for approvals they wait for another key's. Values that an edit gave
        already are `unchanged`.
        """
        zone = backing()
        desk = desk_of(zone)
        body = await read_json(request, _edits, limit=settings.max_body_bytes)
        judged = [await _judged(zone, desk, form) for form in body.edits]
        taken = [one for one in judged if isinstance(one, NewEdit)]
        written = iter(
            await desk.write(
                taken,
                reason=body.reason,
                actor=actor_of(known),
                needs_approval=settings.approve_edits,
            )
        )
        outcomes: list[dict[str, Any]] = []
        for form, one in zip(body.edits, judged, strict=True):
            if isinstance(one, NewEdit):
                done = next(written)
                outcome = {"outcome": done.outcome.value, "edit_id": done.edit_id}
            else:
                outcome = one
            outcomes.append({"meter_id": form.meter_id} | outcome)
        return json_of({"edits": outcomes})

    @router.get("/edits", summary="List edits", **desk_examples.EDITS)
    async def edits(
        _: AnyCaller,
        state: Annotated[list[Literal["pending", "applied", "rejected"]] | None, Query()] = None,
        meter_id: Name = None,
        editor: Name = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
        cursor: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Response:
        """Edits and applied estimates, the oldest first; `state=pending` wait for an approval."""
        found = await desk_of(backing()).edits(
            states=state,
            meter_id=meter_id,
            editor=editor,
            after=0 if cursor is None else _number(cursor),
            limit=limit + 1,
        )
        more = len(found) > limit
        return json_of(
            {
                "edits": [edit_answer(one) for one in found[:limit]],
                "next_cursor": write_cursor(found[limit - 1].id) if more else None,
            }
        )

    @router.post("/edits/decisions", summary="Approve or reject edits", **desk_examples.APPROVAL)
    async def decide(known: AnyCaller, request: Request) -> Response:
        """Decide about edits that wait. Nobody approves an edit of their own.

        An edit over values that have changed since is `outdated`: reject it and edit anew.
        """
        desk = desk_of(backing())
        body = await read_json(request, _decision, limit=settings.max_body_bytes)
        outcomes = await desk.decide(
            body.edit_ids,
            approve=body.decision == "approve",
            reason=body.reason,
            actor=actor_of(known),
        )
        return json_of(
            {
                "edits": [
                    {"edit_id": number, "outcome": outcome.value}
                    for number, outcome in outcomes.items()
                ]
            }
        )

    @router.get("/audit", summary="Read the audit log", **desk_examples.AUDIT)
    async def audit(
        _: AnyCaller,
        meter_id: Name = None,
        actor: Name = None,
        action: Name = None,
        begin: Annotated[AwareDatetime | None, Query(alias="from")] = None,
        end: Annotated[AwareDatetime | None, Query(alias="to")] = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
        cursor: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Response:
        """Who did what, when and why, the newest first; rows are never changed nor deleted."""
        asked = AuditFilter(meter_id=meter_id, actor=actor, action=action, begin=begin, end=end)
        before = None if cursor is None else _number(cursor)
        rows = await desk_of(backing()).audit(asked, before=before, limit=limit + 1)
        more = len(rows) > limit
        return json_of(
            {
                "audit": [audit_answer(one) for one in rows[:limit]],
                "next_cursor": write_cursor(rows[limit - 1].id) if more else None,
            }
        )

    return router


async def _judged(zone: Backing, desk: PostgresDesk, form: EditForm) -> NewEdit | dict[str, Any]:
    """The edit to write, or the outcome of one that is not written."""
    try:
        meter = await registered_meter(zone.book, form.meter_id, register=form.register)
        edit = await desk.with_seen(new_edit(form, meter, now_s=int(time.time())))
    except (UnknownMeter, UnknownRegister, WrongValues) as error:
        refused = {"outcome": "refused", "reason": _REFUSALS[type(error)], "detail": str(error)}
        return refused | {"edit_id": None}
    if form.expected is not None and tuple(form.expected) != edit.seen:
        return {"outcome": "outdated", "edit_id": None, "seen": edit.seen}
    if not edit.exception_ids and await desk.has_edit(edit):
        return {"outcome": "unchanged", "edit_id": None}
    return edit


def _number(cursor: str) -> int:
    return min(read_cursor(cursor, parts=1)[0], 1 << 62)
