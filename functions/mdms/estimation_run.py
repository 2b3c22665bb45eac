"""Estimating stored intervals: history and register reads in, estimates and their reasons out."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from functions.mdms.estimation.boundary_scaling import Scaling, Window, scale_to_boundaries
from functions.mdms.estimation.day_calendar import DayCalendar, day_calendar
from functions.mdms.estimation.method import History, Method
from functions.mdms.estimation.method_list import fill
from functions.mdms.period_query import Page
from functions.mdms.ports import Backing
from functions.mdms.register_reads.boundary_reads import pair_reads
from functions.mdms.register_reads.interval_differences import intervals_of_reads
from functions.mdms.stretch_reading import read_whole, stretches
from storage.model.block import PRESENT
from storage.model.event_block import EventKey
from storage.model.meter import Meter
from storage.model.quality import CLASS_OF_QUALITY, Quality, QualityClass
from storage.model.runs import DAY_S

HISTORY_DAYS: Final = 35
BOUNDARY_DAYS: Final = 35
READ_TOLERANCE_S: Final = 60
_METERS_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimationPlan:
    """What to estimate: intervals of `register` that start in `[begin_s, end_s)`, and how.

    Wanted are those without a value and those that hold an estimate, of meters that are in use;
    with `replace` all of them. With `only`, of each meter those in its periods `[begin_s, end_s)`
    there. With `scale` register reads are used, and estimates are scaled to them. `weekend` are
    days of the week, Monday 0, and `holidays` dates in each meter's time zone.
    """

    register: str
    begin_s: int
    end_s: int
    methods: Sequence[Method]
    scale: bool
    weekend: frozenset[int]
    holidays: frozenset[date] = frozenset()
    replace: bool = False
    only: Mapping[str, Sequence[tuple[int, int]]] | None = None

    @property
    def margin_s(self) -> int:
        """How much after the period is read, for the register reads that bound it."""
        return BOUNDARY_DAYS * DAY_S if self.scale else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryResult:
    """What scaling made of the intervals `first` up to `end`, numbered from the stretch's first."""

    first: int
    end: int
    register_wh: int
    outcome: Scaling


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterEstimate:
    """S intervals of one length, with `slots` (S,) as stored, history included.

    `wanted` (S,) were to be estimated; `energy_wh` (S,) is the estimate of method number `method`
    (S,) in the plan, -1 where there is none.
    """

    meter: Meter
    page: Page
    slots: NDArray[np.void]
    wanted: NDArray[np.bool_]
    energy_wh: NDArray[np.int64]
    method: NDArray[np.int8]
    boundaries: list[BoundaryResult]

    @property
    def estimated(self) -> NDArray[np.bool_]:
        """Mask the intervals that are estimates, or would be."""
        found: NDArray[np.bool_] = (self.method >= 0) | (is_estimate(self.slots) & ~self.wanted)
        return found


def estimate_of(found: MeterEstimate, begin_s: int, end_s: int) -> MeterEstimate:
    """The part of `found` that was wanted in `[begin_s, end_s)`, the history as it is."""
    start_s = (found.page.first + np.arange(len(found.slots))) * found.page.interval_s
    within = (start_s >= begin_s) & (start_s < end_s)
    return replace(
        found,
        wanted=found.wanted & within,
        method=np.where(within, found.method, -1).astype(np.int8),
    )


def is_present(slots: NDArray[np.void]) -> NDArray[np.bool_]:
    """Mask the slots (S,) that hold a value."""
    found: NDArray[np.bool_] = (slots["flags"] & PRESENT) != 0
    return found


def is_estimate(slots: NDArray[np.void]) -> NDArray[np.bool_]:
    """Mask the slots (S,) that hold an estimate."""
    of_class: NDArray[np.uint8] = CLASS_OF_QUALITY[slots["quality"]]
    found: NDArray[np.bool_] = is_present(slots) & (of_class == QualityClass.ESTIMATED)
    return found


def plan_intervals(plan: EstimationPlan, meters: Sequence[Meter]) -> int:
    """How many intervals the plan looks at."""
    return sum(part.end - part.first for part in _parts(plan, meters))


async def estimate(
    zone: Backing, meters: Sequence[Meter], plan: EstimationPlan
) -> AsyncIterator[MeterEstimate]:
    """Estimate meter by meter; one whose length changed comes in several parts.

    Raises:
        StoreUnavailable: no answer before the deadline.
    """
    calendars = _Calendars(plan.weekend, plan.holidays)
    for at in range(0, len(meters), _METERS_AT_ONCE):
        some = meters[at : at + _METERS_AT_ONCE]
        by_name = {one.meter_id: one for one in some}
        reads = await _register_reads(zone, some, plan) if plan.scale else {}
        async for page, slots in read_whole(zone.blocks, _parts(plan, some)):
            meter = by_name[page.meter_id]
            calendar = calendars.of(meter, page)
            yield _estimated(meter, page, slots, plan, calendar, reads.get(meter.meter_id))


def _parts(plan: EstimationPlan, meters: Sequence[Meter]) -> list[Page]:
    return list(
        stretches(
            meters,
            register=plan.register,
            begin_s=max(0, plan.begin_s - HISTORY_DAYS * DAY_S),
            end_s=plan.end_s + plan.margin_s,
        )
    )


async def _register_reads(
    zone: Backing, meters: Sequence[Meter], plan: EstimationPlan
) -> dict[str, NDArray[np.int64]]:
    """Each meter's reads around the period: instants and values, (2, R)."""
    days = range(
        max(0, plan.begin_s // DAY_S - BOUNDARY_DAYS),
        (plan.end_s + plan.margin_s) // DAY_S + 1,
    )
    keys = [EventKey(one.meter_id, plan.register, day, 0) for one in meters for day in days]
    blocks = await zone.blocks.read_events(keys)
    found: dict[str, list[NDArray[np.int64]]] = {}
    for key in keys:
        events = blocks.get(key)
        if events is not None and len(events):
            at_s = key.day * DAY_S + events["at"].astype(np.int64)
            part = np.stack((at_s, events["final"].astype(np.int64)))
            found.setdefault(key.meter_id, []).append(part)
    return {name: np.concatenate(parts, axis=1) for name, parts in found.items()}


def _estimated(
    meter: Meter,
    page: Page,
    slots: NDArray[np.void],
    plan: EstimationPlan,
    calendar: DayCalendar,
    reads: NDArray[np.int64] | None,
) -> MeterEstimate:
    start_s = (page.first + np.arange(len(slots), dtype=np.int64)) * page.interval_s
    present, estimate = is_present(slots), is_estimate(slots)
    wanted = (start_s >= plan.begin_s) & (start_s < plan.end_s)
    if plan.only is not None:
        within = np.zeros(len(slots), dtype=np.bool_)
        for begin_s, end_s in plan.only.get(meter.meter_id, ()):
            within |= (start_s >= begin_s) & (start_s < end_s)
        wanted &= within
    if not plan.replace:
        wanted &= (~present | estimate) & meter.active
    stored = np.where(present, slots["final"], 0).astype(np.int64)
    # What may be wrong, or was estimated, is no ground for an estimate.
    ground = present & ~estimate & ~wanted & (slots["quality"] != Quality.QUESTIONABLE)
    history = History(
        energy_wh=np.where(ground, stored, 0)[None, :],
        known=ground[None, :],
        wanted=wanted[None, :],
        interval_s=page.interval_s,
        calendar=calendar,
        between_reads=None if reads is None else _between(meter, page, reads)[None, :],
    )
    filled = fill(history, plan.methods)
    energy, method = filled.energy_wh[0], filled.method[0]
    boundaries: list[BoundaryResult] = []
    if reads is not None and (method >= 0).any():
        fixed = present & ~wanted
        energy, boundaries = _scaled(
            meter, page, np.where(fixed, stored, energy), fixed, method >= 0, reads
        )
    return MeterEstimate(
        meter=meter,
        page=page,
        slots=slots,
        wanted=wanted,
        energy_wh=energy,
        method=method,
        boundaries=boundaries,
    )


def _between(meter: Meter, page: Page, reads: NDArray[np.int64]) -> NDArray[np.int64]:
    """What the register counted in each interval of the page that has a read at both ends."""
    differences = intervals_of_reads(
        at_s=reads[0],
        values=reads[1],
        dials=meter.dials,
        multiplier=meter.multiplier,
        interval_s=page.interval_s,
    )
    counted = np.full(page.end - page.first, -1, dtype=np.int64)
    inside = (differences.interval >= page.first) & (differences.interval < page.end)
    counted[differences.interval[inside] - page.first] = differences.energy_wh[inside]
    return counted


def _scaled(
    meter: Meter,
    page: Page,
    energy_wh: NDArray[np.int64],
    known: NDArray[np.bool_],
    estimated: NDArray[np.bool_],
    reads: NDArray[np.int64],
) -> tuple[NDArray[np.int64], list[BoundaryResult]]:
    pairs = pair_reads(
        meter=meter,
        interval_s=page.interval_s,
        at_s=reads[0],
        values=reads[1],
        tolerance_s=READ_TOLERANCE_S,
    )
    inside = pairs.usable & (pairs.first >= page.first) & (pairs.end <= page.end)
    windows = [
        Window(first=first - page.first, end=end - page.first, consumption=consumption)
        for first, end, consumption in zip(
            pairs.first[inside].tolist(),
            pairs.end[inside].tolist(),
            pairs.energy_wh[inside].tolist(),
            strict=True,
        )
        if estimated[first - page.first : end - page.first].any()
    ]
    scaled = scale_to_boundaries(
        energy_wh=energy_wh, known=known, estimated=estimated, windows=windows
    )
    return scaled.energy_wh, [
        BoundaryResult(
            first=window.first, end=window.end, register_wh=window.consumption, outcome=outcome
        )
        for window, outcome in zip(windows, scaled.outcomes, strict=True)
    ]


class _Calendars:
    """Calendars of stretches, made once for all meters of a zone."""

    def __init__(self, weekend: frozenset[int], holidays: frozenset[date]) -> None:
        self._weekend = weekend
        self._holidays = holidays
        self._made: dict[tuple[str, int, int, int], DayCalendar] = {}

    def of(self, meter: Meter, page: Page) -> DayCalendar:
        key = (meter.time_zone, page.first, page.end, page.interval_s)
        if key not in self._made:
            self._made[key] = day_calendar(
                first=page.first,
                count=page.end - page.first,
                interval_s=page.interval_s,
                zone=ZoneInfo(meter.time_zone),
                weekend=self._weekend,
                holidays=self._holidays,
            )
        return self._made[key]
