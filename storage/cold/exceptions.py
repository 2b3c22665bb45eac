"""Exceptions that validation raises, opened once each in the caller's transaction."""

import time
from collections.abc import Sequence
from typing import Final, Protocol

from storage.cold.pool import Connection
from storage.model.runs import DAY_S

SEVERITIES: Final = ("error", "warning")
_MOST_TEXT: Final = 128
_MOST_DAY: Final = 2_932_896
_MOST_INT: Final = (1 << 31) - 1
_MOST_BIGINT: Final = (1 << 63) - 1
OF_MISSING_VALUES: Final = frozenset({"missing-interval", "prolonged-estimation"})
"""Rules that ask for a value; the others are about one that is there."""
CLOCKS_APART_US: Final = 60_000_000
"""A value that was acknowledged this much after a finding cannot be the one that it is about."""
# The newest of an identity in one statement; what is not newer than an exception that is there,
# open or closed, is a finding sent again and changes nothing. One about a value that nothing here
# can have replaced yet is not looked at before something has.
_OPEN: Final = """
    WITH found AS (
        SELECT DISTINCT ON (meter_id, register, day, interval_s, first_slot, rule) *
        FROM unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::int[], $6::int[],
            $7::text[], $8::text[], $9::text[], $10::text[], $11::int[], $12::text[],
            $13::bigint[]) AS f (meter_id, register, day, interval_s, first_slot, slots,
            rule, severity, iec_code, rule_group, group_version, zone, found_at)
        ORDER BY meter_id, register, day, interval_s, first_slot, rule, found_at DESC
    )
    INSERT INTO exceptions (meter_id, register, day, interval_s, first_slot, slots, rule,
        severity, iec_code, rule_group, group_version, zone, found_at, check_due)
    SELECT meter_id, register, day, interval_s, first_slot, slots, rule,
        severity, iec_code, rule_group, group_version, zone, found_at,
        rule = ANY($14::text[]) OR found_at < $15::bigint
    FROM found f WHERE NOT EXISTS (
        SELECT FROM exceptions e
        WHERE (e.meter_id, e.register, e.day, e.interval_s, e.first_slot, e.rule)
            = (f.meter_id, f.register, f.day, f.interval_s, f.first_slot, f.rule)
            AND e.found_at >= f.found_at
    )
    ON CONFLICT (meter_id, register, day, interval_s, first_slot, rule) WHERE state <> 'closed'
    DO UPDATE SET slots = excluded.slots, severity = excluded.severity,
        iec_code = excluded.iec_code, rule_group = excluded.rule_group,
        group_version = excluded.group_version, zone = excluded.zone,
        found_at = excluded.found_at, check_due = exceptions.check_due OR excluded.check_due
    RETURNING (xmax = 0) AS is_new
"""


class FoundException(Protocol):
    """A rule's finding about `count` consecutive intervals of a block, from `first_slot` on.

    `day` counts UTC days since 1970. Of a register read `interval_s` is 0 and `first_slot` the
    second of the day. `severity` is one of `SEVERITIES`, `found_at` in microseconds since 1970.
    """

    @property
    def meter_id(self) -> str: ...
    @property
    def register(self) -> str: ...
    @property
    def day(self) -> int: ...
    @property
    def interval_s(self) -> int: ...
    @property
    def first_slot(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def rule(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def iec_code(self) -> str | None: ...
    @property
    def rule_group(self) -> str | None: ...
    @property
    def group_version(self) -> int | None: ...
    @property
    def zone(self) -> str: ...
    @property
    def found_at(self) -> int: ...


async def open_exceptions(connection: Connection, rows: Sequence[FoundException]) -> int:
    """Open an exception for each finding that has none; return how many were opened.

    There is one at a time for each (meter, register, day, interval length, first slot, rule). A
    newer finding of the same renews the one that is open; the same finding again, or an older
    one, changes nothing, also once the exception is closed. A finding that no table can hold (see
    `can_be_held`) is left out: what brings it was acknowledged elsewhere and must not fail here.
    """
    held = [row for row in rows if can_be_held(row)]
    if not held:
        return 0
    found = await connection.fetch(
        _OPEN,
        [row.meter_id for row in held],
        [row.register for row in held],
        [row.day for row in held],
        [row.interval_s for row in held],
        [row.first_slot for row in held],
        [row.count for row in held],
        [row.rule for row in held],
        [row.severity for row in held],
        [row.iec_code for row in held],
        [row.rule_group for row in held],
        [row.group_version for row in held],
        [row.zone for row in held],
        [row.found_at for row in held],
        list(OF_MISSING_VALUES),
        time.time_ns() // 1_000 - CLOCKS_APART_US // 2,
    )
    return sum(row["is_new"] for row in found)


def can_be_held(row: FoundException) -> bool:
    """Whether the finding names a place that exists, in texts that can be stored."""
    texts = [row.meter_id, row.register, row.rule, row.zone]
    texts += [text for text in (row.iec_code, row.rule_group) if text is not None]
    if any(not 0 < len(text) <= _MOST_TEXT or "\0" in text for text in texts):
        return False
    if row.interval_s < 0 or (row.interval_s and DAY_S % row.interval_s):
        return False
    slots = DAY_S // row.interval_s if row.interval_s else DAY_S
    return (
        row.severity in SEVERITIES
        and 0 <= row.day <= _MOST_DAY
        and 0 <= row.first_slot < slots
        and 0 < row.count <= slots - row.first_slot
        and 0 <= row.found_at <= _MOST_BIGINT
        and (row.group_version is None or 0 <= row.group_version <= _MOST_INT)
    )
