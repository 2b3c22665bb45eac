"""Edits and applied estimates as they are kept: what was written, over what, by whom, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from storage.cold.audit_log import Actor, AuditRow
from storage.cold.pool import Connection

_INSERT: Final = """
    INSERT INTO edits (kind, state, sequence, meter_id, register, interval_s, start_s, new_values,
        quality, seen, editor, reason, method, exception_ids)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id
"""
_COLUMNS: Final = """
    e.*, a.decided_at, a.approver, a.decision AS approval, a.reason AS approval_reason
    FROM edits e LEFT JOIN approvals a ON a.edit_id = e.id
"""
_LIST: Final = f"""
    SELECT {_COLUMNS}
    WHERE e.id > $1
      AND ($2::text[] IS NULL OR e.state = ANY($2))
      AND ($3::text IS NULL OR e.meter_id = $3)
      AND ($4::text IS NULL OR e.editor = $4)
    ORDER BY e.id LIMIT $5
"""
_LOCK: Final = f"SELECT {_COLUMNS} WHERE e.id = ANY($1::bigint[]) ORDER BY e.id FOR UPDATE OF e"
_OF_STAMPS: Final = f"SELECT {_COLUMNS} WHERE e.meter_id = $1 AND e.sequence = ANY($2::bigint[])"
_DECIDE: Final = "UPDATE edits SET state = $2, sequence = $3 WHERE id = $1"
_APPROVAL: Final = """
    INSERT INTO approvals (edit_id, approver, decision, reason) VALUES ($1, $2, $3, $4)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEdit:
    """Values to be written: consecutive intervals from `start_s` on, or one register read.

    `interval_s` is 0 for a register read. `quality` and `seen`, the values that counted when the
    editor looked, have one entry a value. `kind` is `edit` or `estimate`, `method` says how the
    values were found, `exception_ids` which exceptions they settle.
    """

    kind: str
    meter_id: str
    register: str
    interval_s: int
    start_s: int
    values: tuple[int, ...]
    quality: tuple[int, ...]
    seen: tuple[int | None, ...]
    method: str
    exception_ids: tuple[int, ...] = ()

    @property
    def end_s(self) -> int:
        """The end of the last interval, or the second after the instant."""
        return self.start_s + len(self.values) * (self.interval_s or 1)

    def audit(
        self,
        actor: Actor,
        action: str,
        *,
        reason: str,
        edit_id: int,
        detail: dict[str, Any] | None = None,
    ) -> AuditRow:
        """The audit log's row of what `actor` did with it."""
        return AuditRow(
            actor=actor,
            action=action,
            reason=reason,
            edit_id=edit_id,
            meter_id=self.meter_id,
            register=self.register,
            begin_s=self.start_s,
            end_s=self.end_s,
            detail=detail,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEdit:
    """An edit as it is kept; `state` is `pending`, `applied` or `rejected`."""

    id: int
    edit: NewEdit
    state: str
    sequence: int | None
    editor: str
    reason: str
    edited_at: datetime
    approver: str | None
    approval: str | None
    approval_reason: str | None
    decided_at: datetime | None


async def insert_edit(
    connection: Connection, edit: NewEdit, *, editor: str, reason: str, sequence: int | None
) -> int:
    """Keep an edit that was entered with `sequence`, or None for one that waits for approval."""
    number = await connection.fetchval(
        _INSERT,
        edit.kind,
        "pending" if sequence is None else "applied",
        sequence,
        edit.meter_id,
        edit.register,
        edit.interval_s,
        edit.start_s,
        edit.values,
        edit.quality,
        edit.seen,
        editor,
        reason,
        edit.method,
        edit.exception_ids,
    )
    return int(number)


async def list_edits(
    connection: Connection,
    *,
    states: Sequence[str] | None,
    meter_id: str | None,
    editor: str | None,
    after: int,
    limit: int,
) -> list[KeptEdit]:
    """Up to `limit` edits by number, the oldest first, those above number `after`."""
    wanted = None if states is None else list(states)
    rows = await connection.fetch(_LIST, after, wanted, meter_id, editor, limit)
    return [_of(row) for row in rows]


async def lock_edits(connection: Connection, ids: Sequence[int]) -> Mapping[int, KeptEdit]:
    """Those of `ids` that exist, kept as they are until the transaction ends."""
    found = [_of(row) for row in await connection.fetch(_LOCK, list(ids))]
    return {one.id: one for one in found}


async def edits_of_stamps(
    connection: Connection, meter_id: str, sequences: Sequence[int]
) -> dict[int, KeptEdit]:
    """The edits of a meter that entered the record with these sequences, by sequence."""
    rows = await connection.fetch(_OF_STAMPS, meter_id, list(sequences))
    return {row["sequence"]: _of(row) for row in rows}


async def decide_edit(
    connection: Connection,
    edit_id: int,
    *,
    approver: str,
    decision: str,
    reason: str,
    sequence: int | None,
) -> None:
    """Keep the approval, `approved` with the sequence that the edit entered with, or `rejected`."""
    state = "rejected" if sequence is None else "applied"
    await connection.execute(_DECIDE, edit_id, state, sequence)
    await connection.execute(_APPROVAL, edit_id, approver, decision, reason)


def _of(row: asyncpg.Record) -> KeptEdit:
    return KeptEdit(
        id=row["id"],
        edit=NewEdit(
            kind=row["kind"],
            meter_id=row["meter_id"],
            register=row["register"],
            interval_s=row["interval_s"],
            start_s=row["start_s"],
            values=tuple(row["new_values"]),
            quality=tuple(row["quality"]),
            seen=tuple(row["seen"]),
            method=row["method"],
            exception_ids=tuple(row["exception_ids"]),
        ),
        state=row["state"],
        sequence=row["sequence"],
        editor=row["editor"],
        reason=row["reason"],
        edited_at=row["edited_at"],
        approver=row["approver"],
        approval=row["approval"],
        approval_reason=row["approval_reason"],
        decided_at=row["decided_at"],
    )
