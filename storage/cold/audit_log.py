"""The audit log of a tenant's desk: who did what to which readings; it is only added to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from storage.cold.pool import Connection

_WRITE: Final = """
    INSERT INTO audit_log (actor, role, action, reason, exception_id, edit_id, meter_id, register,
        begin_s, end_s, detail)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[],
        $6::bigint[], $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::jsonb[])
"""
_READ: Final = """
    SELECT * FROM audit_log
    WHERE ($1::bigint IS NULL OR id < $1)
      AND ($2::text IS NULL OR meter_id = $2)
      AND ($3::text IS NULL OR actor = $3)
      AND ($4::text IS NULL OR action = $4)
      AND ($5::bigint IS NULL OR exception_id = $5)
      AND ($6::bigint IS NULL OR edit_id = $6)
      AND ($7::timestamptz IS NULL OR at >= $7)
      AND ($8::timestamptz IS NULL OR at < $8)
    ORDER BY id DESC LIMIT $9
"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the identifier of a key, and its role."""

    subject: str
    role: str


PLATFORM: Final = Actor("gridfaas", "platform")
"""Who acts when nobody asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One act; `begin_s` and `end_s` bound the readings that it is about, in seconds since 1970."""

    actor: Actor
    action: str
    reason: str | None = None
    exception_id: int | None = None
    edit_id: int | None = None
    meter_id: str | None = None
    register: str | None = None
    begin_s: int | None = None
    end_s: int | None = None
    detail: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """What of the log is asked for: None asks for everything."""

    meter_id: str | None = None
    actor: str | None = None
    action: str | None = None
    exception_id: int | None = None
    edit_id: int | None = None
    begin: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Audited:
    """A row as it was kept: its number, the server's time, and the act."""

    id: int
    at: datetime
    row: AuditRow


async def write_audit(connection: Connection, rows: Sequence[AuditRow]) -> None:
    """Append `rows` in the caller's transaction, so that no act is without its row."""
    if not rows:
        return
    await connection.execute(
        _WRITE,
        [row.actor.subject for row in rows],
        [row.actor.role for row in rows],
        [row.action for row in rows],
        [row.reason for row in rows],
        [row.exception_id for row in rows],
        [row.edit_id for row in rows],
        [row.meter_id for row in rows],
        [row.register for row in rows],
        [row.begin_s for row in rows],
        [row.end_s for row in rows],
        [None if row.detail is None else msgspec.json.encode(row.detail).decode() for row in rows],
    )


async def read_audit(
    connection: Connection, asked: AuditFilter, *, before: int | None, limit: int
) -> list[Audited]:
    """Up to `limit` rows that `asked` asks for, the newest first, those under number `before`."""
    rows = await connection.fetch(
        _READ,
        before,
        asked.meter_id,
        asked.actor,
        asked.action,
        asked.exception_id,
        asked.edit_id,
        asked.begin,
        asked.end,
        limit,
    )
    return [
        Audited(
            row["id"],
            row["at"],
            AuditRow(
                actor=Actor(row["actor"], row["role"]),
                action=row["action"],
                reason=row["reason"],
                exception_id=row["exception_id"],
                edit_id=row["edit_id"],
                meter_id=row["meter_id"],
                register=row["register"],
                begin_s=row["begin_s"],
                end_s=row["end_s"],
                detail=None if row["detail"] is None else msgspec.json.decode(row["detail"]),
            ),
        )
        for row in rows
    ]
