"""Exceptions as a client asks for them, decides about them, and as an answer lays them out."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from functions.mdms.estimation_form import MethodForm, Reason
from functions.mdms.period_query import instant_text, second_at_or_after
from functions.mdms.wire_types import Instant
from storage.cold.audit_log import Audited
from storage.cold.exception_queue import ExceptionFilter, OpenException

MOST_AT_ONCE: Final = 1_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Number = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
Ids = Annotated[list[Number], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]
Assignee = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[^\x00]*$")]


class UnknownException(LookupError):
    """No exception has that number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no exception {number}")


class Where(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Open exceptions by what they are about; at least one of these is said."""

    meter_id: str | None = None
    feeder: str | None = None
    rule: str | None = None
    severity: Literal["error", "warning"] | None = None
    assignee: str | None = None
    begin: Instant | None = field(default=None, name="from")
    end: Instant | None = field(default=None, name="to")

    def filter(self) -> ExceptionFilter:
        """The same as the queue asks."""
        return ExceptionFilter(
            states=("open",),
            meter_id=self.meter_id,
            feeder=self.feeder,
            rule=self.rule,
            severity=self.severity,
            assignee=self.assignee,
            begin_s=None if self.begin is None else second_at_or_after(self.begin),
            end_s=None if self.end is None else second_at_or_after(self.end),
        )


class AssignmentBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of an assignment; `assignee` null gives them back to nobody."""

    exception_ids: Ids | UnsetType = UNSET
    where: Where | UnsetType = UNSET
    assignee: Assignee | None


class DecisionBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of a decision about many exceptions, by number or by `where`.

    `accept` leaves the values as they are; `dismiss` says that there was nothing. `estimate` fills
    what has no actual value by `methods`. `edit` replaces the values: by `values` of one exception,
    or by what `methods` estimate.
    """

    decision: Literal["accept", "dismiss", "estimate", "edit"]
    reason: Reason
    exception_ids: Ids | UnsetType = UNSET
    where: Where | UnsetType = UNSET
    methods: Annotated[list[MethodForm], msgspec.Meta(min_length=1, max_length=10)] | None = None
    scale: bool = True
    values: Annotated[list[int], msgspec.Meta(min_length=1, max_length=1_440)] | None = None


def exception_answer(one: OpenException) -> dict[str, Any]:
    """An exception as an answer says it."""
    return {
        "exception_id": one.id,
        "meter_id": one.meter_id,
        "register": one.register,
        "from": instant_text(one.begin_s),
        "to": instant_text(one.end_s) if one.interval_s else None,
        "interval_s": one.interval_s,
        "intervals": one.count if one.interval_s else 0,
        "rule": one.rule,
        "severity": one.severity,
        "iec_code": one.iec_code,
        "rule_group": one.rule_group,
        "group_version": one.group_version,
        "zone": one.zone,
        "found_at": moment(one.found_at),
        "opened_at": one.opened_at,
        "state": one.state,
        "assignee": one.assignee,
        "decision": one.decision,
        "reason": one.reason,
        "decided_by": one.decided_by,
        "decided_at": one.decided_at,
    }


def audit_answer(one: Audited) -> dict[str, Any]:
    """A row of the audit log as an answer says it."""
    row = one.row
    return {
        "audit_id": one.id,
        "at": one.at,
        "actor": row.actor.subject,
        "role": row.actor.role,
        "action": row.action,
        "reason": row.reason,
        "exception_id": row.exception_id,
        "edit_id": row.edit_id,
        "meter_id": row.meter_id,
        "register": row.register,
        "from": None if row.begin_s is None else instant_text(row.begin_s),
        "to": None if row.end_s is None else instant_text(row.end_s),
        "detail": row.detail,
    }


def moment(microseconds: int) -> str:
    """RFC 3339 text of microseconds since 1970."""
    at = _EPOCH + timedelta(microseconds=microseconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
