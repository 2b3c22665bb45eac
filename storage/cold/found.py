"""Findings of zones below at headquarters: they open exceptions, and close those that are over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from storage.cold.audit_log import PLATFORM, Actor, write_audit
from storage.cold.exception_queue import exception_of
from storage.cold.exceptions import open_exceptions
from storage.cold.pool import Connection
from storage.model.findings import Finding, FindingBatch, Withdrawn
from storage.model.runs import PayloadUnreadable
from storage.model.uplink import UplinkEntry, encode_entries

WITHDRAWN: Final = "withdrawn"
BY: Final = "validation@{}"
"""Who withdraws: the rules of a zone."""
_REASON: Final = "what was found does not hold with the readings that came since"
# What somebody works on, or what was found later than this was seen, stays.
_WITHDRAW: Final = """
    UPDATE exceptions e SET state = 'closed', decision = $9, reason = $10, decided_by = w.actor,
        decided_at = clock_timestamp(), found_at = w.found_at
    FROM unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::int[], $6::text[], $7::bigint[],
        $8::text[]) AS w (meter_id, register, day, interval_s, first_slot, rule, found_at, actor)
    WHERE (e.meter_id, e.register, e.day, e.interval_s, e.first_slot, e.rule)
        = (w.meter_id, w.register, w.day, w.interval_s, w.first_slot, w.rule)
        AND e.state = 'open' AND e.found_at <= w.found_at
    RETURNING e.*
"""
_SET_ASIDE: Final = """
    INSERT INTO quarantine (edge, sequence, reason, entry) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A finding with its zone and moment, as `storage.cold.exceptions` takes it."""

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


async def take_findings(connection: Connection, entries: Sequence[UplinkEntry]) -> None:
    """Open and close exceptions by `entries` of findings, in the caller's transaction.

    An entry's sequence is the moment of its findings, in microseconds since 1970. Taking one again,
    or an older one late, changes nothing. What cannot be read is set aside.
    """
    opened: list[_Row] = []
    withdrawn: list[tuple[Withdrawn, int, str]] = []
    for entry in sorted(entries, key=lambda entry: entry.sequence):
        try:
            batch = FindingBatch.decode(entry.payload)
        except PayloadUnreadable as error:
            reason = str(error).replace("\0", "\\0")
            aside = (entry.edge, entry.sequence, reason, encode_entries([entry]))
            await connection.execute(_SET_ASIDE, *aside)
            continue
        opened += (_row(one, batch.zone, entry.sequence) for one in batch.found)
        withdrawn += ((one, entry.sequence, batch.zone) for one in batch.withdrawn)
    await open_exceptions(connection, opened)
    if withdrawn:
        await _withdraw(connection, withdrawn)


async def _withdraw(
    connection: Connection, withdrawn: Sequence[tuple[Withdrawn, int, str]]
) -> None:
    rows = await connection.fetch(
        _WITHDRAW,
        [one.meter_id for one, _, _ in withdrawn],
        [one.register for one, _, _ in withdrawn],
        [one.day for one, _, _ in withdrawn],
        [one.interval_s for one, _, _ in withdrawn],
        [one.first_slot for one, _, _ in withdrawn],
        [one.rule for one, _, _ in withdrawn],
        [at for _, at, _ in withdrawn],
        [BY.format(zone) for _, _, zone in withdrawn],
        WITHDRAWN,
        _REASON,
    )
    closed = [exception_of(row) for row in rows]
    await write_audit(
        connection,
        [
            one.audit(
                Actor(one.decided_by or "", PLATFORM.role),
                "exception-withdrawn",
                reason=_REASON,
                detail={"rule": one.rule, "rule_group": one.rule_group},
            )
            for one in closed
        ],
    )


def _row(one: Finding, zone: str, found_at: int) -> _Row:
    return _Row(
        meter_id=one.meter_id,
        register=one.register,
        day=one.day,
        interval_s=one.interval_s,
        first_slot=one.first_slot,
        count=one.count,
        rule=one.rule,
        severity=one.severity,
        iec_code=one.iec_code,
        rule_group=one.rule_group,
        group_version=one.group_version,
        zone=zone,
        found_at=found_at,
    )
