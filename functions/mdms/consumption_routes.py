"""`GET /v1/mdms/register-consumption`: what registers counted, beside the sum of the intervals."""

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, Depends, Query, Response
from numpy.typing import NDArray
from pydantic import AwareDatetime

from functions.mdms import desk_examples
from functions.mdms.desk_calls import json_of
from functions.mdms.event_query import EventPeriod
from functions.mdms.lookup import meters_asked
from functions.mdms.period_query import (
    BadPeriod,
    Page,
    check_period,
    instant_text,
    second_at_or_after,
)
from functions.mdms.ports import Backing
from functions.mdms.register_reads.boundary_reads import ReadPairs, pair_reads
from functions.mdms.register_reads.consumption import Turn
from functions.mdms.resampling import adds_up
from functions.mdms.settings import MdmsSettings
from functions.mdms.stretch_reading import read_whole, stretches
from functions.mdms.vee.register_pairs import RegisterPairs
from functions.mdms.vee.sum_check import SumCheck
from functions.runtime.request import Caller, caller
from storage.model.block import PRESENT
from storage.model.meter import Meter

READ_TOLERANCE_S: Final = 60
MOST_METERS: Final = 100
_TURN: Final = {
    Turn.FORWARD: "forward",
    Turn.ROLLED_OVER: "rolled-over",
    Turn.BACKWARD: "backward",
}
MeterName = Annotated[str, Query(min_length=1, max_length=64)]


def consumption_routes(backing: Callable[[], Backing], settings: MdmsSettings) -> APIRouter:
    """Make the router; `backing` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/mdms", tags=["mdms"])

    @router.get(
        "/register-consumption",
        summary="What registers counted between reads",
        **desk_examples.CONSUMPTION,
    )
    async def consumption(
        _: Annotated[Caller, Depends(caller)],
        begin: Annotated[AwareDatetime, Query(alias="from")],
        end: Annotated[AwareDatetime, Query(alias="to")],
        meter_id: Annotated[list[MeterName] | None, Query(max_length=MOST_METERS)] = None,
        service_point: Annotated[str | None, Query(min_length=1, max_length=128)] = None,
        register: Annotated[str, Query()] = "1-0:1.8.0",
        tolerance_wh: Annotated[int, Query(ge=0)] = SumCheck().tolerance_wh,
        tolerance_percent: Annotated[float, Query(ge=0, le=100)] = SumCheck().tolerance_percent,
    ) -> Response:
        """Energy between register reads in `[from, to)`, roll-over and multiplier applied.

        Of `meter_id`, one or more, or of all meters that a `service_point` had: each one's reads
        are paired among themselves, `consumption_wh` is the sum, and `exchanges` says from which
        read to which nothing was counted. `check` compares with the intervals in between: `pass`,
        `fail`, `incomplete` where one is missing, `off-grid`, or `backward`.
        """
        check_period(begin=begin, end=end, max_days=settings.max_query_days)
        if not adds_up(register):
            raise BadPeriod("only energy is counted by a register; this is one of demand")
        check = SumCheck(tolerance_percent=tolerance_percent, tolerance_wh=tolerance_wh)
        zone = backing()
        meters = await _meters(zone, meter_id, service_point, register)
        begin_s, end_s = second_at_or_after(begin), second_at_or_after(end)
        answers = [
            await _of_meter(zone, meter, register, (begin_s, end_s), check) for meter in meters
        ]
        return json_of(
            {
                "register": register,
                "from": instant_text(begin_s),
                "to": instant_text(end_s),
                "source": zone.source,
                "consumption_wh": sum(one["consumption_wh"] for one in answers),
                "exchanges": [] if service_point is None else _exchanges(answers),
                "meters": answers,
            }
        )

    return router


async def _meters(
    zone: Backing, meter_ids: list[str] | None, service_point: str | None, register: str
) -> list[Meter]:
    if service_point is None:
        return await meters_asked(zone.book, meter_ids=meter_ids, feeder=None, register=register)
    if meter_ids:
        raise BadPeriod("say either `meter_id` or `service_point`")
    meters = await zone.book.at_service_point(service_point, limit=MOST_METERS)
    return [meter for meter in meters if register in meter.registers]


def _exchanges(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """From the last read of each meter to the first one of the next, by their first reads."""
    read = sorted((one for one in answers if one["first_read_at"]), key=_first_read)
    return [
        {
            "removed": before["meter_id"],
            "last_read_at": before["last_read_at"],
            "installed": after["meter_id"],
            "first_read_at": after["first_read_at"],
        }
        for before, after in pairwise(read)
    ]


def _first_read(answer: dict[str, Any]) -> str:
    return str(answer["first_read_at"])


async def _of_meter(
    zone: Backing, meter: Meter, register: str, bounds: tuple[int, int], check: SumCheck
) -> dict[str, Any]:
    begin_s, end_s = bounds
    reads = EventPeriod(
        meter_id=meter.meter_id, register=register, lengths=(0,), begin_s=begin_s, end_s=end_s
    )
    found = [reads.select({})]
    for days in reads.day_groups():
        found.append(reads.select(await zone.blocks.read_events(reads.event_keys(days))))
    events = np.concatenate(found)
    pairs = pair_reads(
        meter=meter,
        interval_s=meter.interval_s,
        at_s=events["at"].astype(np.int64),
        values=events["event"]["final"].astype(np.int64),
        tolerance_s=READ_TOLERANCE_S,
    )
    sums, missing = await _sums(zone, meter, register, bounds, pairs)
    usable = pairs.usable
    compared = RegisterPairs(
        before=pairs.begin_value,
        after=pairs.end_value,
        seconds=pairs.end_s - pairs.begin_s,
        end=np.full(len(sums), 10**meter.dials, dtype=np.int64),
        multiplier=np.full(len(sums), meter.multiplier, dtype=np.int64),
        between_wh=sums,
        complete=usable & (missing == 0),
    )
    fails = check.fails(compared).tolist()
    parts = []
    for at in range(len(sums)):
        turn = Turn(int(pairs.turn[at]))
        known = turn is not Turn.BACKWARD
        if not known:
            said = "backward"
        elif not usable[at]:
            said = "off-grid"
        elif missing[at]:
            said = "incomplete"
        else:
            said = "fail" if fails[at] else "pass"
        parts.append(
            {
                "from": instant_text(int(pairs.begin_s[at])),
                "to": instant_text(int(pairs.end_s[at])),
                "first_read": int(pairs.begin_value[at]),
                "last_read": int(pairs.end_value[at]),
                "turn": _TURN[turn],
                "consumption_wh": int(pairs.energy_wh[at]) if known else None,
                "intervals_wh": int(sums[at]) if usable[at] else None,
                "missing": int(missing[at]) if usable[at] else None,
                "check": said,
            }
        )
    return {
        "meter_id": meter.meter_id,
        "dials": meter.dials,
        "multiplier": meter.multiplier,
        "consumption_wh": int(pairs.energy_wh.sum()),
        "first_read_at": instant_text(int(events["at"][0])) if len(events) else None,
        "last_read_at": instant_text(int(events["at"][-1])) if len(events) else None,
        "between_reads": parts,
    }


async def _sums(
    zone: Backing,
    meter: Meter,
    register: str,
    bounds: tuple[int, int],
    pairs: ReadPairs,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The sum of the present length's intervals of each pair, and how many are missing: (P,)."""
    total = np.zeros(len(pairs.first), dtype=np.int64)
    missing = np.where(pairs.usable, pairs.end - pairs.first, 0)
    if not pairs.usable.any():
        return total, missing
    # A read that is late within the tolerance bounds an interval that began before the period.
    parts: list[Page] = list(
        stretches(
            [meter],
            register=register,
            begin_s=max(0, bounds[0] - READ_TOLERANCE_S),
            end_s=bounds[1],
        )
    )
    async for page, slots in read_whole(zone.blocks, parts):
        if page.interval_s != meter.interval_s:
            continue
        present = (slots["flags"] & PRESENT) != 0
        energy = np.concatenate(([0], np.cumsum(np.where(present, slots["final"], 0))))
        count = np.concatenate(([0], np.cumsum(present)))
        low = np.clip(pairs.first - page.first, 0, len(slots))
        high = np.clip(pairs.end - page.first, 0, len(slots))
        total += np.where(pairs.usable, energy[high] - energy[low], 0)
        missing -= np.where(pairs.usable, count[high] - count[low], 0)
    return total, missing
