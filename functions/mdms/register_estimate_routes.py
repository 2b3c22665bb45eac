"""`GET /v1/mdms/register-estimates`: what a register showed when nobody read it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, Depends, Query, Response
from numpy.typing import NDArray
from pydantic import AwareDatetime

from functions.mdms import desk_examples
from functions.mdms.consumption_routes import READ_TOLERANCE_S
from functions.mdms.desk_calls import json_of
from functions.mdms.event_query import EventPeriod
from functions.mdms.lookup import registered_meter
from functions.mdms.period_query import BadPeriod, instant_text, second_at_or_after
from functions.mdms.ports import Backing
from functions.mdms.register_reads.interval_differences import reads_of_intervals
from functions.mdms.resampling import adds_up
from functions.mdms.stretch_reading import read_whole, stretches
from functions.runtime.request import Caller, caller
from storage.model.block import PRESENT
from storage.model.meter import Meter
from storage.model.quality import Quality
from storage.model.runs import DAY_S

REACH_DAYS: Final = 35
MOST_INSTANTS: Final = 100


def register_estimate_routes(backing: Callable[[], Backing]) -> APIRouter:
    """Make the router; `backing` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/mdms", tags=["mdms"])

    @router.get(
        "/register-estimates",
        summary="What a register showed",
        **desk_examples.REGISTER_ESTIMATES,
    )
    async def register_estimates(
        _: Annotated[Caller, Depends(caller)],
        meter_id: Annotated[str, Query(min_length=1, max_length=64)],
        at: Annotated[list[AwareDatetime], Query(min_length=1, max_length=MOST_INSTANTS)],
        register: Annotated[str, Query()] = "1-0:1.8.0",
    ) -> Response:
        """The read at each instant, or the last one before with the intervals since counted on.

        `method` is `read` or `intervals`; without a value, why: `no-read` in the 35 days before,
        `missing-intervals`, or `off-grid`. Nothing is written.
        """
        if not adds_up(register):
            raise BadPeriod("only energy is counted by a register; this is one of demand")
        zone = backing()
        meter = await registered_meter(zone.book, meter_id, register=register)
        return json_of(
            {
                "meter_id": meter_id,
                "register": register,
                "source": zone.source,
                "reads": [await _shown(zone, meter, register, one) for one in at],
            }
        )

    return router


async def _shown(zone: Backing, meter: Meter, register: str, at: datetime) -> dict[str, Any]:
    at_s = second_at_or_after(at)
    said: dict[str, Any] = {"at": instant_text(at_s), "value": None, "quality": None}
    if at_s < 0:
        raise BadPeriod("`at` must not be before 1970")
    read = await _last_read(zone, meter, register, at_s)
    if read is None:
        return said | {"method": "no-read"}
    read_s, value = read
    said |= {"read_at": instant_text(read_s)}
    if read_s == at_s:
        return said | {"value": value, "quality": int(Quality.VALID), "method": "read"}
    length = meter.interval_s
    begin_s = (read_s + length // 2) // length * length
    if at_s % length or abs(begin_s - read_s) > READ_TOLERANCE_S:
        return said | {"method": "off-grid"}
    energy = await _energy(zone, meter, register, begin_s, at_s)
    if energy is None:
        return said | {"method": "missing-intervals"}
    shown = reads_of_intervals(
        energy_wh=np.append(energy, 0),
        begin_value=value,
        dials=meter.dials,
        multiplier=meter.multiplier,
    )
    return said | {
        "value": int(shown[-1]),
        "quality": int(Quality.ESTIMATED),
        "method": "intervals",
    }


async def _last_read(
    zone: Backing, meter: Meter, register: str, at_s: int
) -> tuple[int, int] | None:
    period = EventPeriod(
        meter_id=meter.meter_id,
        register=register,
        lengths=(0,),
        begin_s=max(0, at_s - REACH_DAYS * DAY_S),
        end_s=at_s + 1,
    )
    last = None
    for days in period.day_groups():
        found = period.select(await zone.blocks.read_events(period.event_keys(days)))
        if len(found):
            last = int(found["at"][-1]), int(found["event"]["final"][-1])
    return last


async def _energy(
    zone: Backing, meter: Meter, register: str, begin_s: int, end_s: int
) -> NDArray[np.int64] | None:
    """The intervals in `[begin_s, end_s)`, None when one of them is missing."""
    parts = stretches([meter], register=register, begin_s=begin_s, end_s=end_s)
    found = [np.zeros(0, dtype=np.int64)]
    async for _, slots in read_whole(zone.blocks, parts):
        if not ((slots["flags"] & PRESENT) != 0).all():
            return None
        found.append(slots["final"].astype(np.int64))
    return np.concatenate(found)
