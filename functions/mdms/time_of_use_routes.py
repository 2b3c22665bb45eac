"""`GET /v1/mdms/time-of-use`: each meter's energy by time-of-use period, from its intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from fastapi import APIRouter, Depends, Query, Response
from numpy.typing import NDArray
from pydantic import AwareDatetime

from functions.mdms import examples
from functions.mdms.aggregate_routes import GroupTooLarge
from functions.mdms.calendar_buckets import zone_named
from functions.mdms.period_answers import json_answer
from functions.mdms.period_query import (
    BadPeriod,
    check_period,
    instant_text,
    second_at_or_after,
)
from functions.mdms.ports import Backing
from functions.mdms.problems import NotInThisZone
from functions.mdms.resampling import adds_up
from functions.mdms.settings import MdmsSettings
from functions.mdms.time_of_use import TimeOfUse, read_time_of_use
from functions.runtime.request import Caller, caller
from storage.model.interval_lengths import length_periods
from storage.model.meter import EarlierLength, Meter
from storage.model.runs import DAY_S

IMPORT: Final = "1-0:1.8.0"
MOST_BLOCKS: Final = 1_600_000
"""50,000 meters for a month."""


class Of(StrEnum):
    """Whose sums: all meters of the tenant, or of a feeder or a transformer."""

    TENANT = "tenant"
    FEEDER = "feeder"
    TRANSFORMER = "transformer"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a call asks for."""

    known: Annotated[Caller, Depends(caller)]
    begin: Annotated[AwareDatetime, Query(alias="from")]
    end: Annotated[AwareDatetime, Query(alias="to")]
    of: Annotated[Of, Query()] = Of.TENANT
    name: Annotated[str | None, Query(min_length=1, max_length=128)] = None
    window: Annotated[list[str] | None, Query()] = None
    otherwise: Annotated[str, Query()] = "off-peak"
    holiday: Annotated[list[date] | None, Query(max_length=400)] = None
    register: Annotated[str, Query()] = IMPORT
    time_zone: Annotated[str | None, Query(max_length=64)] = None


def time_of_use_routes(backing: Callable[[], Backing], settings: MdmsSettings) -> APIRouter:
    """Make the router; `backing` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/mdms", tags=["mdms"])

    @router.get("/time-of-use", summary="Sum up by time of use", **examples.TIME_OF_USE)
    async def time_of_use(asked: Annotated[Asked, Depends()]) -> Response:
        """Energy of each meter by period, of the intervals that start in `[from, to)`.

        A `window` is `peak,mon-fri,17:00-21:00`: a name, days (`mon` to `sun`, `holiday`, ranges
        and `+`, or `all`) and local times of `time_zone`. The first one that holds decides, else
        it is `otherwise`. A `holiday` (a date) is no weekday; unless said, the tenant's. Served at
        headquarters, from blocks as they are: nothing is kept, so edits and estimates count at
        once.
        """
        zone = backing()
        if zone.class_sums is None:
            raise NotInThisZone(what="time of use", tiers=[1], tier=zone.tier)
        check_period(begin=asked.begin, end=asked.end, max_days=settings.max_query_days)
        if not adds_up(asked.register):
            raise BadPeriod("time-of-use sums are of energy; the register is one of demand")
        begin_s, end_s = second_at_or_after(asked.begin), second_at_or_after(asked.end)
        time_zone = asked.time_zone or settings.time_zone
        tariff = read_time_of_use(
            asked.window or [],
            otherwise=asked.otherwise,
            holidays=sorted(settings.holidays) if asked.holiday is None else asked.holiday,
            zone=zone_named(time_zone),
        )
        days = range(begin_s // DAY_S, -(-end_s // DAY_S))
        meters = await _meters(zone, asked, most=MOST_BLOCKS // max(len(days), 1))
        slots = _Slots(tariff, begin_s=begin_s, end_s=end_s, days=days)
        found = await zone.class_sums(
            [meter.meter_id for meter in meters],
            register=asked.register,
            days=days,
            classes=slots.classes,
            count=len(tariff.periods),
        )
        present = sum(found.present.values(), np.zeros_like(found.total))
        answer: dict[str, Any] = {
            "of": asked.of.value,
            "name": asked.known.tenant if asked.of is Of.TENANT else asked.name,
            "register": asked.register,
            "from": instant_text(begin_s),
            "to": instant_text(end_s),
            "time_zone": time_zone,
            "periods": tariff.periods,
            "total": found.total.sum(axis=0).tolist(),
            "meters": _rows(meters, found.total, present, slots),
            "source": zone.source,
        }
        return json_answer(answer)

    return router


class _Slots:
    """The period of each slot, and how many slots of each a meter should have."""

    def __init__(self, tariff: TimeOfUse, *, begin_s: int, end_s: int, days: range) -> None:
        self._tariff = tariff
        self._bounds = (begin_s, end_s)
        self._days = days
        self._count = len(tariff.periods)
        self._found: dict[tuple[int, int, int], NDArray[np.int8]] = {}

    def classes(self, interval_s: int) -> NDArray[np.int8]:
        return self._between(interval_s, *self._bounds)

    def expected(self, meters: Sequence[Meter]) -> NDArray[np.int64]:
        """How many slots each meter should have of each period: (meters, periods)."""
        # A fleet has few histories of lengths, however many meters.
        kinds: dict[tuple[int, tuple[EarlierLength, ...]], int] = {}
        counted: list[NDArray[np.int64]] = []
        kind = np.zeros(len(meters), dtype=np.intp)
        for at, meter in enumerate(meters):
            lengths = meter.interval_s, meter.earlier
            if lengths not in kinds:
                kinds[lengths] = len(counted)
                counted.append(self._counted(meter))
            kind[at] = kinds[lengths]
        return np.array(counted, dtype=np.int64).reshape(-1, self._count)[kind]

    def _counted(self, meter: Meter) -> NDArray[np.int64]:
        total = np.zeros(self._count, dtype=np.int64)
        begin_s, end_s = self._bounds
        for period in length_periods(meter):
            first = max(begin_s, period.begin_s)
            last = end_s if period.end_s is None else min(end_s, period.end_s)
            if first < last:
                total = total + self._slots_between(period.interval_s, first, last)
        return total

    def _slots_between(self, interval_s: int, begin_s: int, end_s: int) -> NDArray[np.int64]:
        found = self._between(interval_s, begin_s, end_s)
        return np.bincount(found[found >= 0], minlength=self._count)

    def _between(self, interval_s: int, begin_s: int, end_s: int) -> NDArray[np.int8]:
        key = (interval_s, begin_s, end_s)
        if key not in self._found:
            self._found[key] = self._tariff.classes(
                interval_s, begin_s=begin_s, end_s=end_s, days=self._days
            )
        return self._found[key]


async def _meters(zone: Backing, asked: Asked, *, most: int) -> list[Meter]:
    if (asked.of is Of.TENANT) != (asked.name is None):
        raise BadPeriod("`name` is for a feeder or a transformer, which it must name")
    meters = await zone.book.of_group(
        feeder=asked.name if asked.of is Of.FEEDER else None,
        transformer=asked.name if asked.of is Of.TRANSFORMER else None,
        limit=most + 1,
    )
    if len(meters) > most:
        raise GroupTooLarge(MOST_BLOCKS)
    return [meter for meter in meters if asked.register in meter.registers]


class _MeterSums(msgspec.Struct, gc=False):
    """A meter's row of the answer; tens of thousands of these are nothing to search for cycles."""

    meter_id: str
    sum: list[int | None]
    intervals: list[int]
    missing: list[int]


def _rows(
    meters: list[Meter], total: NDArray[np.int64], present: NDArray[np.int64], slots: _Slots
) -> list[_MeterSums]:
    missing = slots.expected(meters) - present
    sums: list[list[int | None]] = total.tolist()
    for at, period in np.argwhere(present == 0).tolist():
        sums[at][period] = None
    names = [meter.meter_id for meter in meters]
    return list(map(_MeterSums, names, sums, present.tolist(), missing.tolist()))
