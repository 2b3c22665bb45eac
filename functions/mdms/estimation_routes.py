"""`POST /v1/mdms/estimations`: estimate what is missing, as a trial or to be kept."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from functions.mdms import desk_examples
from functions.mdms.desk_calls import actor_of, desk_of, json_of, read_json
from functions.mdms.estimation.method_list import described_methods
from functions.mdms.estimation.prolonged import PROLONGED
from functions.mdms.estimation_form import (
    EstimationBody,
    edits_of,
    meter_answer,
    methods_of,
    prolonged,
)
from functions.mdms.estimation_run import EstimationPlan, MeterEstimate, estimate, plan_intervals
from functions.mdms.lookup import meters_asked
from functions.mdms.period_answers import MOST_IN_JSON, AnswerTooLarge
from functions.mdms.period_query import BadPeriod, check_period, instant_text, second_at_or_after
from functions.mdms.ports import Backing
from functions.mdms.resampling import adds_up
from functions.mdms.settings import MdmsSettings
from functions.runtime.request import Caller, caller
from storage.cold.edits import NewEdit
from storage.model.runs import DAY_S

MOST_INTERVALS: Final = 4_000_000
"""What one estimation looks at, history included: some seconds of a worker."""
MOST_WRITTEN: Final = 5_000
"""Runs that one call writes, in one transaction."""
_decoder: Final = msgspec.json.Decoder(EstimationBody)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProlongedEstimate:
    """The exception of a meter that is estimated for too long; see `FoundException`."""

    meter_id: str
    register: str
    day: int
    interval_s: int
    first_slot: int
    count: int
    zone: str
    found_at: int
    rule: str = PROLONGED
    severity: str = "warning"
    iec_code: str | None = "3.8.0"
    rule_group: str | None = None
    group_version: int | None = None


def estimation_routes(backing: Callable[[], Backing], settings: MdmsSettings) -> APIRouter:
    """Make the router; `backing` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/mdms", tags=["mdms"])

    @router.post("/estimations", summary="Estimate intervals", **desk_examples.ESTIMATION)
    async def estimations(known: Annotated[Caller, Depends(caller)], request: Request) -> Response:
        """Estimate what has ended without an actual value in `[from, to)`, meter by meter.

        A trial in any zone; with `apply`, at headquarters, the estimates are kept in one step.
        They never count beside an actual value, whenever that comes.
        """
        body = await read_json(request, _decoder, limit=settings.max_body_bytes)
        check_period(begin=body.begin, end=body.end, max_days=settings.max_query_days)
        if not adds_up(body.register):
            raise BadPeriod("estimates are of energy; the register is one of demand")
        if body.apply and body.reason is None:
            raise BadPeriod("`apply` wants a `reason`")
        zone = backing()
        desk = desk_of(zone) if body.apply else None
        methods = methods_of(body.methods)
        begin_s, end_s = second_at_or_after(body.begin), second_at_or_after(body.end)
        plan = EstimationPlan(
            register=body.register,
            begin_s=begin_s,
            end_s=max(begin_s, min(end_s, int(time.time()))),
            methods=methods,
            scale=body.scale,
            weekend=settings.weekend_days,
            holidays=settings.holidays,
        )
        meters = await meters_asked(
            zone.book, meter_ids=body.meter_ids, feeder=body.feeder, register=body.register
        )
        if (size := plan_intervals(plan, meters)) > MOST_INTERVALS:
            raise AnswerTooLarge(size, most=MOST_INTERVALS)
        counts: Counter[str] = Counter({one.name: 0 for one in methods} | {"left": 0})
        answers, edits, found = [], [], []
        async for one in estimate(zone, meters, plan):
            if not one.wanted.any():
                continue
            hours = settings.prolonged_estimation_hours
            answer = meter_answer(one, methods, longest_hours=hours)
            for part in answer["estimates"]:
                counts[part["method"]] += part["intervals"]
            counts["left"] += sum(part["intervals"] for part in answer["left"])
            answers.append(answer)
            if counts.total() > MOST_IN_JSON:
                raise AnswerTooLarge(counts.total())
            edits += edits_of(one, methods, kind="estimate", exception_ids=())
            found += list(_prolonged(one, hours=hours, zone=zone.zone))
        head: dict[str, Any] = {
            "register": body.register,
            "from": instant_text(begin_s),
            "to": instant_text(end_s),
            "source": zone.source,
            "applied": False,
        }
        if desk is not None and body.reason is not None:
            _check_size(edits)
            await desk.write(edits, reason=body.reason, actor=actor_of(known), needs_approval=False)
            opened = await desk.raise_exceptions(found)
            written = sum(len(edit.values) for edit in edits)
            head |= {"applied": True, "written": written, "exceptions_opened": opened}
        return json_of(
            head
            | {"methods": described_methods(methods), "counts": dict(counts), "meters": answers}
        )

    return router


def _check_size(edits: Sequence[NewEdit]) -> None:
    if len(edits) > MOST_WRITTEN:
        raise AnswerTooLarge(len(edits), most=MOST_WRITTEN)


def _prolonged(one: MeterEstimate, *, hours: int, zone: str) -> list[ProlongedEstimate]:
    """An exception a run, at the first interval that is beyond the limit, to the day's end."""
    found = []
    length_s = one.page.interval_s
    slots = DAY_S // length_s
    for first, length in prolonged(one, hours):
        beyond = one.page.first + first + hours * 3_600 // length_s
        day, slot = divmod(beyond, slots)
        end = one.page.first + first + length
        found.append(
            ProlongedEstimate(
                meter_id=one.meter.meter_id,
                register=one.page.register,
                day=day,
                interval_s=length_s,
                first_slot=slot,
                count=min(slots - slot, end - beyond),
                zone=zone,
                found_at=time.time_ns() // 1_000,
            )
        )
    return found
