"""Decisions about exceptions that change values: estimates for gaps, edits of what is wrong."""

import time
from collections import defaultdict
from collections.abc import Sequence

from functions.mdms.estimation.method import Method
from functions.mdms.estimation_form import edits_of
from functions.mdms.estimation_run import EstimationPlan, estimate
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
_Period = tuple[int, int, str]


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
    only what has no actual value is estimated, and it must be filled as a whole.

    Raises:
        StoreUnavailable: no answer before the deadline.
    """
    written: dict[int, list[NewEdit]] = {}
    left: dict[int, str] = {}
    by_period: defaultdict[_Period, list[OpenException]] = defaultdict(list)
    for one in exceptions:
        if one.interval_s == 0 or not adds_up(one.register):
            left[one.id] = NOT_INTERVALS
        else:
            left[one.id] = UNKNOWN_METER
            by_period[(one.begin_s, one.end_s, one.register)].append(one)
    for (begin_s, end_s, register), some in by_period.items():
        plan = EstimationPlan(
            register=register,
            begin_s=begin_s,
            end_s=min(end_s, int(time.time())),
            methods=methods,
            scale=scale,
            weekend=settings.weekend_days,
            replace=replace,
        )
        names = dict.fromkeys(one.meter_id for one in some)
        meters = [meter for name in names if (meter := await zone.book.get(name)) is not None]
        async for found in estimate(zone, meters, plan):
            for one in some:
                if (one.meter_id, one.interval_s) != (found.meter.meter_id, found.page.interval_s):
                    continue
                if not found.wanted.any():
                    left[one.id] = HAS_VALUES
                elif (found.wanted & (found.method < 0)).any():
                    left[one.id] = NOT_FILLED
                else:
                    kind = "edit" if replace else "estimate"
                    edits = edits_of(found, methods, kind=kind, exception_ids=(one.id,))
                    # Estimates that are there already are confirmed by closing the exception.
                    written[one.id] = edits
                    del left[one.id]
    return written, left


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
