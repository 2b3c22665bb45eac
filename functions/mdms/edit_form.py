"""Edits as a client asks for them, and as an answer lays them out."""

from typing import Annotated, Any, Final, Literal

import msgspec

from functions.mdms.estimation_form import Reason
from functions.mdms.exception_decisions import WrongValues, checked
from functions.mdms.exception_form import Ids, Number, moment
from functions.mdms.negative_consumption import counts_one_direction
from functions.mdms.period_query import instant_text
from functions.mdms.wire_types import Instant, MeterId, ObisCode
from storage.cold.edits import KeptEdit, NewEdit
from storage.model.interval_lengths import length_periods
from storage.model.meter import Meter
from storage.model.quality import Quality

MOST_VALUES: Final = 10_000
MOST_EDITS: Final = 1_000


class EditForm(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An edit: consecutive intervals from `start` on, or with `interval_s` 0 one register read.

    `expected` are the values that the editor saw, null where there was none: when others count by
    now, the edit is refused.
    """

    meter_id: MeterId
    register: ObisCode = "1-0:1.8.0"
    start: Instant
    interval_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)]
    values: Annotated[list[int], msgspec.Meta(min_length=1, max_length=MOST_VALUES)]
    expected: list[int | None] | None = None
    exception_ids: Annotated[list[Number], msgspec.Meta(max_length=100)] = []


class EditsBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of an edit; each is judged on its own."""

    edits: Annotated[list[EditForm], msgspec.Meta(min_length=1, max_length=MOST_EDITS)]
    reason: Reason


class EditDecisionBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of an approval, or of a rejection."""

    edit_ids: Ids
    decision: Literal["approve", "reject"]
    reason: Reason


def new_edit(form: EditForm, meter: Meter, *, now_s: int) -> NewEdit:
    """The edit of a form, of a meter that has the register.

    Raises:
        WrongValues: the values do not fit, are off the grid, of another length, or not over yet.
    """
    start_s = int(form.start.timestamp())
    if form.start.microsecond or start_s < 0:
        raise WrongValues("an edit starts at a whole second, not before 1970")
    if any(not -(1 << 63) <= value < 1 << 63 for value in form.values):
        raise WrongValues("a value of more than 64 bits")
    edit = checked(
        NewEdit(
            kind="edit",
            meter_id=meter.meter_id,
            register=form.register,
            interval_s=form.interval_s,
            start_s=start_s,
            values=tuple(form.values),
            quality=(int(Quality.EDITED),) * len(form.values),
            seen=(None,) * len(form.values),
            method="manual",
            exception_ids=tuple(dict.fromkeys(form.exception_ids)),
        )
    )
    if edit.end_s - (0 if edit.interval_s else 1) > now_s:
        raise WrongValues("it has not ended yet")
    if edit.interval_s:
        _check_length(edit, meter)
    elif max(map(abs, edit.values)) >= 10**meter.dials:
        raise WrongValues(f"more digits than the register's {meter.dials}")
    if counts_one_direction(edit.register) and min(edit.values) < 0:
        raise WrongValues("energy of one direction is not negative")
    return edit


def _check_length(edit: NewEdit, meter: Meter) -> None:
    for period in length_periods(meter):
        ends = period.end_s is None or edit.end_s <= period.end_s
        if period.begin_s <= edit.start_s and ends and period.interval_s == edit.interval_s:
            if edit.start_s % edit.interval_s:
                raise WrongValues(f"intervals of {edit.interval_s} s do not start then")
            return
    raise WrongValues(f"the meter's intervals are not of {edit.interval_s} s then")


def edit_answer(one: KeptEdit) -> dict[str, Any]:
    """An edit as an answer says it."""
    edit = one.edit
    return {
        "edit_id": one.id,
        "kind": edit.kind,
        "state": one.state,
        "meter_id": edit.meter_id,
        "register": edit.register,
        "start": instant_text(edit.start_s),
        "interval_s": edit.interval_s,
        "values": edit.values,
        "quality": edit.quality,
        "seen": edit.seen,
        "method": edit.method,
        "reason": one.reason,
        "editor": one.editor,
        "edited_at": one.edited_at,
        "exception_ids": edit.exception_ids,
        "approval": one.approval,
        "approver": one.approver,
        "approval_reason": one.approval_reason,
        "decided_at": one.decided_at,
        "acknowledged_at": None if one.sequence is None else moment(one.sequence),
    }
