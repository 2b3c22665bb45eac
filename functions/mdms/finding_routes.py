"""`GET /v1/mdms/findings`: what validation has found, on its way, of meters in a period."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from functions.mdms.period_answers import AnswerTooLarge
from functions.mdms.period_query import BadPeriod, check_period, instant_text, second_at_or_after
from functions.mdms.ports import Backing
from functions.mdms.problems import NotInThisZone
from functions.mdms.vee.held_findings import BlockName, HeldRun
from functions.runtime.request import Caller, caller
from storage.model.interval_lengths import lengths_in
from storage.model.runs import DAY_S

MOST_BLOCKS: Final = 40_000
_EXAMPLE: Final[dict[str, Any]] = {
    "responses": {
        200: {
            "content": {
                "application/json": {
                    "example": {
                        "gaps_until": "2026-01-02T00:00:00Z",
                        "findings": [
                            {
                                "meter_id": "A000001",
                                "register": "1-0:1.8.0",
                                "from": "2026-01-01T00:15:00Z",
                                "to": "2026-01-01T00:45:00Z",
                                "intervals": 2,
                                "rule": "missing-interval",
                                "severity": "error",
                                "iec_code": "3.5.259",
                                "rule_group": "built-in",
                                "group_version": 0,
                            }
                        ],
                    }
                }
            }
        }
    }
}


def finding_routes(backing: Callable[[], Backing]) -> APIRouter:
    """Make the router; `backing` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/mdms", tags=["mdms"])

    @router.get("/findings", summary="Findings of meters in a period", **_EXAMPLE)
    async def findings(
        _: Annotated[Caller, Depends(caller)],
        meter_id: Annotated[list[str], Query(min_length=1, max_length=1_000)],
        begin: Annotated[datetime, Query(alias="from")],
        end: Annotated[datetime, Query(alias="to")],
    ) -> Response:
        """What holds now, of the days that the period touches; zone 2 only.

        `gaps_until` is the end of the newest interval up to which gaps have been looked for.
        """
        zone = backing()
        if zone.validation is None:
            raise NotInThisZone(what="validation on the way", tiers=[2], tier=zone.tier)
        if begin.tzinfo is None or end.tzinfo is None:
            raise BadPeriod("`from` and `to` need an offset")
        check_period(begin=begin, end=end, max_days=400)
        begin_s, end_s = second_at_or_after(begin), second_at_or_after(end)
        names = []
        asked = list(dict.fromkeys(meter_id))
        meters = {meter.meter_id: meter for meter in await zone.book.some(asked)}
        for one in asked:
            meter = meters.get(one)
            lengths = () if meter is None else lengths_in(meter, begin_s=begin_s, end_s=end_s)
            registers = () if meter is None else meter.registers
            names += [
                BlockName(one, register, day, length)
                for register in registers
                for length in (*lengths, 0)
                for day in range(begin_s // DAY_S, -(-end_s // DAY_S))
            ]
        if len(names) > MOST_BLOCKS:
            raise AnswerTooLarge(len(names), most=MOST_BLOCKS)
        held = await zone.validation.findings_of(names)
        until = instant_text(await zone.validation.looked_until_s())
        answer = [_finding(name, run) for name, runs in held for run in runs]
        return Response(
            msgspec.json.encode({"gaps_until": until, "findings": answer}),
            media_type="application/json",
        )

    return router


def _finding(name: BlockName, run: HeldRun) -> dict[str, Any]:
    length = name.interval_s or 1
    begin_s = name.day * DAY_S + run.first * length
    return {
        "meter_id": name.meter_id,
        "register": name.register,
        "from": instant_text(begin_s),
        "to": instant_text(begin_s + run.count * name.interval_s),
        "intervals": run.count,
        "rule": run.rule,
        "severity": run.severity,
        "iec_code": run.iec_code,
        "rule_group": run.group,
        "group_version": run.version,
    }
