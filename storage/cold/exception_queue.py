"""The queue of exceptions: listed by filters, locked for a decision, assigned and closed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from storage.cold.audit_log import Actor, AuditRow
from storage.cold.pool import Connection
from storage.model.block import BlockKey
from storage.model.runs import DAY_S

STATES: Final = ("open", "pending", "closed")
UNCLOSED: Final = ("open", "pending")
# A place in a block of events is a second of its day.
_BEGIN: Final = "day::bigint * 86400 + first_slot::bigint * coalesce(nullif(interval_s, 0), 1)"
_END: Final = f"{_BEGIN} + slots::bigint * coalesce(nullif(interval_s, 0), 1)"
_FEEDER: Final = "meter_id IN (SELECT m.meter_id FROM meters m WHERE m.record->>'feeder' = {})"
_LOCK: Final = "SELECT * FROM exceptions WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE"
_ASSIGN: Final = "UPDATE exceptions SET assignee = $2 WHERE id = ANY($1::bigint[])"
_STATE: Final = "UPDATE exceptions SET state = $2, check_due = true WHERE id = ANY($1::bigint[])"
_CLOSE: Final = """
    UPDATE exceptions SET state = 'closed', decision = $2, reason = $3, decided_by = $4,
        decided_at = clock_timestamp()
    WHERE id = ANY($1::bigint[])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenException:
    """An exception as it is kept; `count` consecutive places of a block from `first_slot` on."""

    id: int
    meter_id: str
    register: str
    day: int
    interval_s: int
    first_slot: int
    count: int
    rule: str
    severity: str
    iec_code: str | None
    rule_group: str | None
    group_version: int | None
    zone: str
    found_at: int
    opened_at: datetime
    state: str
    assignee: str | None
    decision: str | None
    reason: str | None
    decided_by: str | None
    decided_at: datetime | None

    @property
    def begin_s(self) -> int:
        """The start of its first interval, or its instant, in seconds since 1970."""
        return self.day * DAY_S + self.first_slot * (self.interval_s or 1)

    @property
    def end_s(self) -> int:
        """The end of its last interval, or the second after its instant."""
        return self.begin_s + self.count * (self.interval_s or 1)

    @property
    def key(self) -> BlockKey:
        """The block of intervals that it lies in; not of a register read."""
        return BlockKey(self.meter_id, self.register, self.day, self.interval_s)

    def audit(
        self,
        actor: Actor,
        action: str,
        *,
        reason: str | None = None,
        detail: dict[str, Any] | None = None,
    ) -> AuditRow:
        """The audit log's row of what `actor` did with it."""
        return AuditRow(
            actor=actor,
            action=action,
            reason=reason,
            exception_id=self.id,
            meter_id=self.meter_id,
            register=self.register,
            begin_s=self.begin_s,
            end_s=self.end_s,
            detail=detail,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionFilter:
    """Which exceptions: None asks for every one. An empty `assignee` asks for those without."""

    states: Sequence[str] | None = UNCLOSED
    meter_id: str | None = None
    feeder: str | None = None
    rule: str | None = None
    severity: str | None = None
    assignee: str | None = None
    begin_s: int | None = None
    end_s: int | None = None
    ids: Sequence[int] | None = None

    def where(self) -> tuple[str, list[Any]]:
        """The conditions in SQL, whose parameters begin with $1, and their values.

        Only what is asked stands there, so that the indexes of open exceptions and of meters serve.
        """
        asked: list[tuple[str, Any]] = [
            ("state = ANY({}::text[])", None if self.states is None else list(self.states)),
            ("meter_id = {}", self.meter_id),
            (_FEEDER, self.feeder),
            ("rule = {}", self.rule),
            ("severity = {}", self.severity),
            ("coalesce(assignee, '') = {}", self.assignee),
            (f"{_END} > {{}}", self.begin_s),
            (f"{_BEGIN} < {{}}", self.end_s),
            ("id = ANY({}::bigint[])", None if self.ids is None else list(self.ids)),
        ]
        said = [(condition, value) for condition, value in asked if value is not None]
        conditions = [
            condition.format(f"${place}") for place, (condition, _) in enumerate(said, start=1)
        ]
        if self.states is not None and "closed" not in self.states:
            conditions.append("state <> 'closed'")
        return " AND ".join(conditions) or "true", [value for _, value in said]


async def list_exceptions(
    connection: Connection, asked: ExceptionFilter, *, after: int, limit: int
) -> list[OpenException]:
    """Up to `limit` exceptions by number, the oldest first, those above number `after`."""
    where, values = asked.where()
    query = f"""
        SELECT * FROM exceptions WHERE {where} AND id > ${len(values) + 1}
        ORDER BY id LIMIT ${len(values) + 2}
    """
    return [exception_of(row) for row in await connection.fetch(query, *values, after, limit)]


async def count_exceptions(connection: Connection, asked: ExceptionFilter) -> list[dict[str, Any]]:
    """How many there are, by `rule`, `severity` and `state`."""
    where, values = asked.where()
    query = f"""
        SELECT rule, severity, state, count(*) AS exceptions FROM exceptions WHERE {where}
        GROUP BY rule, severity, state ORDER BY rule, severity, state
    """
    return [dict(row) for row in await connection.fetch(query, *values)]


async def lock_exceptions(
    connection: Connection, ids: Sequence[int]
) -> Mapping[int, OpenException]:
    """Those of `ids` that exist, kept as they are until the transaction ends."""
    found = [exception_of(row) for row in await connection.fetch(_LOCK, list(ids))]
    return {one.id: one for one in found}


async def assign(connection: Connection, ids: Sequence[int], assignee: str | None) -> None:
    """Give exceptions to somebody, or to nobody."""
    await connection.execute(_ASSIGN, list(ids), assignee)


async def set_state(connection: Connection, ids: Sequence[int], state: str) -> None:
    """Make exceptions `open` or `pending`."""
    await connection.execute(_STATE, list(ids), state)


async def close(
    connection: Connection, ids: Sequence[int], *, decision: str, reason: str, by: str
) -> None:
    """Close exceptions with a decision."""
    if ids:
        await connection.execute(_CLOSE, list(ids), decision, reason, by)


def exception_of(row: asyncpg.Record) -> OpenException:
    """The exception of a row of the table."""
    return OpenException(
        id=row["id"],
        meter_id=row["meter_id"],
        register=row["register"],
        day=row["day"],
        interval_s=row["interval_s"],
        first_slot=row["first_slot"],
        count=row["slots"],
        rule=row["rule"],
        severity=row["severity"],
        iec_code=row["iec_code"],
        rule_group=row["rule_group"],
        group_version=row["group_version"],
        zone=row["zone"],
        found_at=row["found_at"],
        opened_at=row["opened_at"],
        state=row["state"],
        assignee=row["assignee"],
        decision=row["decision"],
        reason=row["reason"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
    )
