"""Edits and estimates that a desk enters into the record, keeps for an approval, or rejects."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from storage.cold.audit_log import Actor, write_audit
from storage.cold.desk_entries import batch_of, enter
from storage.cold.edits import KeptEdit, NewEdit, decide_edit, insert_edit
from storage.cold.exception_queue import close, set_state
from storage.cold.pool import Connection
from storage.model.payload import Batch

_DECISION: Final = {"edit": "edited", "estimate": "estimated"}


class Decided(StrEnum):
    """What became of one exception or one edit that a decision named."""

    ASSIGNED = "assigned"
    CLOSED = "closed"
    APPLIED = "applied"
    PENDING = "pending"
    REJECTED = "rejected"
    NOT_FOUND = "not-found"
    NOT_OPEN = "not-open"
    NOT_PENDING = "not-pending"
    OWN_EDIT = "own-edit"
    OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class Written:
    """What became of an edit, and its number if it was kept."""

    outcome: Decided
    edit_id: int | None = None


async def keep_edits(
    connection: Connection,
    edits: Sequence[NewEdit],
    *,
    reason: str,
    actor: Actor,
    needs_approval: bool,
    zone: str,
) -> list[Written]:
    """Enter edits and estimates into the record as an edge of `zone`, or keep them to be approved.

    What became of each, in order; their exceptions are closed or pending, the audit written.
    """
    waits = [needs_approval and edit.kind == "edit" for edit in edits]
    now = [edit for edit, waiting in zip(edits, waits, strict=True) if not waiting]
    sequences = iter(await enter(connection, [_batch(edit) for edit in now], zone=zone))
    written, rows = [], []
    for edit, waiting in zip(edits, waits, strict=True):
        sequence = None if waiting else next(sequences)
        number = await insert_edit(
            connection, edit, editor=actor.subject, reason=reason, sequence=sequence
        )
        if waiting:
            await set_state(connection, edit.exception_ids, "pending")
        else:
            await close(
                connection,
                edit.exception_ids,
                decision=_DECISION[edit.kind],
                reason=reason,
                by=actor.subject,
            )
        action = "edit-requested" if waiting else f"{edit.kind}-applied"
        rows.append(edit.audit(actor, action, reason=reason, edit_id=number, detail=_detail(edit)))
        written.append(Written(Decided.PENDING if waiting else Decided.APPLIED, number))
    await write_audit(connection, rows)
    return written


async def settle_edit(
    connection: Connection,
    one: KeptEdit,
    *,
    approve: bool,
    reason: str,
    actor: Actor,
    zone: str,
) -> Decided:
    """Apply or reject an edit that waits, close or open its exceptions, and say so in the audit."""
    sequence = None
    if approve:
        [sequence] = await enter(connection, [_batch(one.edit)], zone=zone)
    decision = "approved" if approve else "rejected"
    await decide_edit(
        connection,
        one.id,
        approver=actor.subject,
        decision=decision,
        reason=reason,
        sequence=sequence,
    )
    if approve:
        await close(
            connection,
            one.edit.exception_ids,
            decision="edited",
            reason=one.reason,
            by=one.editor,
        )
    else:
        await set_state(connection, one.edit.exception_ids, "open")
    row = one.edit.audit(actor, f"edit-{decision}", reason=reason, edit_id=one.id)
    await write_audit(connection, [row])
    return Decided.APPLIED if approve else Decided.REJECTED


def _batch(edit: NewEdit) -> Batch:
    return batch_of(
        meter_id=edit.meter_id,
        register=edit.register,
        interval_s=edit.interval_s,
        start_s=edit.start_s,
        values=edit.values,
        quality=edit.quality,
    )


def _detail(edit: NewEdit) -> dict[str, Any]:
    return {
        "method": edit.method,
        "exception_ids": edit.exception_ids,
        "seen": edit.seen,
        "values": edit.values,
    }
