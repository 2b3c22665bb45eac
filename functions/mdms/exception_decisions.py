"""Decisions about exceptions that change values: estimates for gaps, edits of what is wrong."""

import time
from collections import defaultdict
from collections.abc import Sequence

from functions.mdms.estimation.method import Method
from functions.mdms.estimation_form import edits_of
from functions.mdms.estimation_run import EstimationPlan, MeterEstimate, estimate, estimate_of
from functions.mdms.ports import Backing
from functions.mdms.resampling import adds_up
from functions.mdms.settings import MdmsSettings
from storage.cold.edits import NewEdit
from storage.cold.exception_queue import OpenException
from storage.model.quality import Quality

NOT_FILLED = "not-filled"
HAS_VALUES = "has-values"
NOT_INTERVALS = "not-intervals"
UNKNOWN_METER = "unknown-meter"


class WrongValues(ValueError):
    """The values of an edit do not fit what it is about."""


async def estimated_edits(
    zone: Backing,
    exceptions: Sequence[OpenException],
    *,
    methods: Sequence[Method],
    scale: bool,
    replace: bool,
    settings: MdmsSettings,
) -> tuple[dict[int, list[NewEdit]], dict[int, str]]:
    """What the methods would write for each exception, by its number, and why others have nothing.

    With `replace` the exception's values are replaced by an edit, whatever they are; without it
    only what has no actual value is estimated, and it must be filled as a whole. Exceptions of a
    day are read together.

    Raises:
        StoreUnavailable: no answer before the deadline.
    """
    written: dict[int, list[NewEdit]] = {}
    left: dict[int, str] = {}
    by_day: defaultdict[tuple[str, int], list[OpenException]] = defaultdict(list)
    for one in exceptions:
        if one.interval_s == 0 or not adds_up(one.register):
            left[one.id] = NOT_INTERVALS
        else:
            left[one.id] = UNKNOWN_METER
            by_day[(one.register, one.day)].append(one)
    now_s = int(time.time())
    for (register, _), some in by_day.items():
        periods: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for one in some:
            periods[one.meter_id].append((one.begin_s, one.end_s))
        plan = EstimationPlan(
            register=register,
            begin_s=min(one.begin_s for one in some),
            end_s=min(now_s, max(one.end_s for one in some)),
            methods=methods,
            scale=scale,
            weekend=settings.weekend_days,
            holidays=settings.holidays,
            replace=replace,
            only=periods,
        )
        meters = await zone.book.some(list(periods))
        async for found in estimate(zone, meters, plan):
            place = found.meter.meter_id, found.page.interval_s
            for one in some:
                if (one.meter_id, one.interval_s) == place:
                    _judge(
                        one, found, methods, written, left, kind="edit" if replace else "estimate"
                    )
    return written, left


def _judge(
    one: OpenException,
    found: MeterEstimate,
    methods: Sequence[Method],
    written: dict[int, list[NewEdit]],
    left: dict[int, str],
    *,
    kind: str,
) -> None:
    own = estimate_of(found, one.begin_s, one.end_s)
    if not own.wanted.any():
        left[one.id] = HAS_VALUES
    elif (own.wanted & (own.method < 0)).any():
        left[one.id] = NOT_FILLED
    else:
        # Estimates that are there already are not written again: closing confirms them.
        written[one.id] = edits_of(own, methods, kind=kind, exception_ids=(one.id,))
        del left[one.id]


def manual_edit(one: OpenException, values: Sequence[int], seen: Sequence[int | None]) -> NewEdit:
    """The edit that gives an exception's intervals, or its register read, these values.

    Raises:
        WrongValues: there are not as many of them, or one does not fit its place.
    """
    if len(values) != one.count:
        raise WrongValues(f"{len(values)} values for {one.count} readings of the exception")
    return checked(
        NewEdit(
            kind="edit",
            meter_id=one.meter_id,
            register=one.register,
            interval_s=one.interval_s,
            start_s=one.begin_s,
            values=tuple(values),
            quality=(int(Quality.EDITED),) * len(values),
            seen=tuple(seen),
            method="manual",
            exception_ids=(one.id,),
        )
    )


def checked(edit: NewEdit) -> NewEdit:
    """The edit, whose values fit where they go: 32 bits for intervals, 64 for register reads.

    Raises:
        WrongValues: one does not.
    """
    bits = 31 if edit.interval_s else 63
    if any(not -(1 << bits) <= value < 1 << bits for value in edit.values):
        raise WrongValues(f"a value of more than {bits + 1} bits")
    if edit.interval_s == 0 and len(edit.values) != 1:
        raise WrongValues("an edit is of one register read, or of intervals")
    return edit
