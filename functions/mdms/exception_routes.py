"""The exceptions queue at headquarters: list, count, assign, decide in bulk."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import UNSET, UnsetType
from pydantic import AwareDatetime

from functions.mdms import desk_examples
from functions.mdms.cursor import read_cursor, write_cursor
from functions.mdms.desk_calls import actor_of, desk_of, json_of, read_json
from functions.mdms.estimation_form import methods_of
from functions.mdms.exception_decisions import WrongValues, estimated_edits, manual_edit
from functions.mdms.exception_form import (
    MOST_AT_ONCE,
    AssignmentBody,
    DecisionBody,
    UnknownException,
    Where,
    audit_answer,
    exception_answer,
)
from functions.mdms.period_query import BadPeriod, second_at_or_after
from functions.mdms.ports import Backing
from functions.mdms.settings import MdmsSettings
from functions.runtime.request import Caller, caller
from storage.cold.audit_log import Actor, AuditFilter
from storage.cold.desk import PostgresDesk
from storage.cold.desk_edits import Written
from storage.cold.edits import NewEdit
from storage.cold.exception_queue import ExceptionFilter, OpenException

_assignment: Final = msgspec.json.Decoder(AssignmentBody)
_decision: Final = msgspec.json.Decoder(DecisionBody)
_CLOSING: Final = {"accept": "accepted", "dismiss": "dismissed"}
_MOST_AUDIT: Final = 1_000
AnyCaller = Annotated[Caller, Depends(caller)]
Name = Annotated[str | None, Query(max_length=128)]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which exceptions a call asks for; without `state`, those that are not closed."""

    state: Annotated[list[Literal["open", "pending", "closed"]] | None, Query()] = None
    meter_id: Name = None
    feeder: Name = None
    rule: Name = None
    severity: Annotated[Literal["error", "warning"] | None, Query()] = None
    assignee: Name = None
    begin: Annotated[AwareDatetime | None, Query(alias="from")] = None
    end: Annotated[AwareDatetime | None, Query(alias="to")] = None

    def filter(self) -> ExceptionFilter:
        """The same as the queue asks."""
        return ExceptionFilter(
            states=("open", "pending") if self.state is None else self.state,
            meter_id=self.meter_id,
            feeder=self.feeder,
            rule=self.rule,
            severity=self.severity,
            assignee=self.assignee,
            begin_s=None if self.begin is None else second_at_or_after(self.begin),
            end_s=None if self.end is None else second_at_or_after(self.end),
        )


def exception_routes(backing: Callable[[], Backing], settings: MdmsSettings) -> APIRouter:
    """Make the router; `backing` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/mdms/exceptions", tags=["mdms"])

    @router.get("", summary="List exceptions", **desk_examples.EXCEPTIONS)
    async def list_exceptions(
        _: AnyCaller,
        asked: Annotated[Asked, Depends()],
        limit: Annotated[int, Query(ge=1, le=10_000)] = 500,
        cursor: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Response:
        """Exceptions that overlap `[from, to)`, the oldest first; `assignee=` asks for none's."""
        after = 0 if cursor is None else _number(cursor)
        found = await desk_of(backing()).exceptions(asked.filter(), after=after, limit=limit + 1)
        more = len(found) > limit
        return json_of(
            {
                "exceptions": [exception_answer(one) for one in found[:limit]],
                "next_cursor": write_cursor(found[limit - 1].id) if more else None,
            }
        )

    @router.get("/counts", summary="Count exceptions", **desk_examples.COUNTS)
    async def counts(_: AnyCaller, asked: Annotated[Asked, Depends()]) -> Response:
        """How many there are, by rule, severity and state."""
        return json_of({"counts": await desk_of(backing()).counts(asked.filter())})

    @router.get("/{exception_id}", summary="One exception", **desk_examples.EXCEPTION)
    async def one_exception(_: AnyCaller, exception_id: int) -> Response:
        """An exception and what was done with it, the newest first."""
        desk = desk_of(backing())
        number = min(max(exception_id, 0), 1 << 62)
        asked = ExceptionFilter(states=None, ids=[number])
        found = await desk.exceptions(asked, after=0, limit=1)
        if not found:
            raise UnknownException(exception_id)
        rows = await desk.audit(AuditFilter(exception_id=number), before=None, limit=_MOST_AUDIT)
        return json_of(exception_answer(found[0]) | {"audit": [audit_answer(one) for one in rows]})

    @router.post("/assignments", summary="Assign exceptions", **desk_examples.ASSIGNMENT)
    async def assign(known: AnyCaller, request: Request) -> Response:
        """Give exceptions that are not closed to somebody, a name of your own choice."""
        desk = desk_of(backing())
        body = await read_json(request, _assignment, limit=settings.max_body_bytes)
        ids = await _named(desk, body.exception_ids, body.where)
        outcomes = await desk.assign(ids, body.assignee, actor=actor_of(known))
        return _outcomes({one: {"outcome": outcome.value} for one, outcome in outcomes.items()})

    @router.post("/decisions", summary="Decide about exceptions", **desk_examples.DECISION)
    async def decide(known: AnyCaller, request: Request) -> Response:
        """Close open exceptions; each has an outcome of its own.

        `where` takes the oldest 1,000 of its exceptions: call again until `counts` is empty.
        """
        zone = backing()
        desk = desk_of(zone)
        body = await read_json(request, _decision, limit=settings.max_body_bytes)
        ids = await _named(desk, body.exception_ids, body.where)
        actor = actor_of(known)
        if body.decision in _CLOSING:
            closed = await desk.close(
                ids, decision=_CLOSING[body.decision], reason=body.reason, actor=actor
            )
            return _outcomes({one: {"outcome": outcome.value} for one, outcome in closed.items()})
        return _outcomes(await _change(zone, desk, body, ids, actor, settings))

    return router


async def _change(
    zone: Backing,
    desk: PostgresDesk,
    body: DecisionBody,
    ids: Sequence[int],
    actor: Actor,
    settings: MdmsSettings,
) -> dict[int, dict[str, Any]]:
    held = await desk.exceptions(ExceptionFilter(states=None, ids=ids), after=0, limit=MOST_AT_ONCE)
    outcomes: dict[int, dict[str, Any]] = {
        number: {"outcome": "not-found"} for number in dict.fromkeys(ids)
    }
    outcomes |= {one.id: {"outcome": "not-open"} for one in held}
    opened = [one for one in held if one.state == "open"]
    if body.values is not None:
        if body.decision != "edit" or body.methods is not None or len(ids) != 1:
            raise WrongValues("`values` are for the edit of one exception, without `methods`")
        by_exception = {one.id: [await _manual(desk, one, body.values)] for one in opened}
    else:
        by_exception, left = await estimated_edits(
            zone,
            opened,
            methods=methods_of(body.methods),
            scale=body.scale,
            replace=body.decision == "edit",
            settings=settings,
        )
        outcomes |= {number: {"outcome": reason} for number, reason in left.items()}
    confirmed = [number for number, edits in by_exception.items() if not edits]
    for number, outcome in (
        await desk.close(confirmed, decision="estimated", reason=body.reason, actor=actor)
    ).items():
        outcomes[number] = {"outcome": outcome.value, "edit_ids": []}
    groups = [edits for edits in by_exception.values() if edits]
    written = await desk.write_groups(
        groups, reason=body.reason, actor=actor, needs_approval=settings.approve_edits
    )
    for edits, results in zip(groups, written, strict=True):
        outcomes[edits[0].exception_ids[0]] = _of_group(results)
    return outcomes


async def _manual(desk: PostgresDesk, one: OpenException, values: Sequence[int]) -> NewEdit:
    edit = manual_edit(one, values, [None] * len(values))
    return await desk.with_seen(edit)


def _of_group(results: Sequence[Written]) -> dict[str, Any]:
    numbers = [one.edit_id for one in results if one.edit_id is not None]
    return {"outcome": results[0].outcome.value, "edit_ids": numbers}


async def _named(
    desk: PostgresDesk, ids: Sequence[int] | UnsetType, where: Where | UnsetType
) -> Sequence[int]:
    if (ids is UNSET) == (where is UNSET):
        raise BadPeriod("say either `exception_ids` or `where`")
    if not isinstance(ids, UnsetType):
        return ids
    assert not isinstance(where, UnsetType)
    if where == Where():
        raise BadPeriod("`where` says nothing: name a meter, feeder, rule, severity or period")
    found = await desk.exceptions(where.filter(), after=0, limit=MOST_AT_ONCE)
    return [one.id for one in found]


def _outcomes(found: dict[int, dict[str, Any]]) -> Response:
    counts = Counter(str(one["outcome"]) for one in found.values())
    outcomes = [{"exception_id": number} | one for number, one in found.items()]
    return json_of({"counts": dict(counts), "outcomes": outcomes})


def _number(cursor: str) -> int:
    return min(read_cursor(cursor, parts=1)[0], 1 << 62)
