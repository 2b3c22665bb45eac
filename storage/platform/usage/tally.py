"""Calls added up into usage: whole numbers only, so that any order and grouping agree."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from storage.platform.ledger.record import SAMPLE_PERIOD_S, CallRecord, Record
from storage.platform.usage.billing_rules import Kind, kind_of, megabyte_ms

DAY_US: Final = 86_400_000_000
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
SERVER_ERROR: Final = 500


class Line(NamedTuple):
    """What calls are added up by. `day` is UTC, by the call's first byte.

    `origin` is the link's lower end for calls of kind `link`, else `async`, `topic`, `schedule`,
    or empty for who called and waited.
    """

    tenant: str
    day: date
    zone: str
    function: str
    kind: str
    origin: str


@dataclass(slots=True)
class Counts:
    """Sums over the calls of a line; `megabyte_ms` as `billing_rules` say, times in us."""

    records: int = 0
    failed: int = 0
    cold: int = 0
    wait_us: int = 0
    run_us: int = 0
    megabyte_ms: int = 0
    cpu_us: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    def add(self, other: "Counts") -> None:
        """Add another's sums to these."""
        self.records += other.records
        self.failed += other.failed
        self.cold += other.cold
        self.wait_us += other.wait_us
        self.run_us += other.run_us
        self.megabyte_ms += other.megabyte_ms
        self.cpu_us += other.cpu_us
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out


class Stored(NamedTuple):
    """The hour (UTC, its first instant), tenant, zone and store of a sample."""

    tenant: str
    zone: str
    store: str
    at: datetime


@dataclass(slots=True)
class Tally:
    """Sums by line, and of samples the first of each hour."""

    lines: dict[Line, Counts] = field(default_factory=dict)
    stored: dict[Stored, int] = field(default_factory=dict)

    def count(self, records: Iterable[Record]) -> None:
        """Add records, in the order of the ledger."""
        for record in records:
            if isinstance(record, CallRecord):
                self._count_call(record)
            else:
                key = Stored(record.tenant, record.zone, record.store, hour_of(record.at_us))
                self.stored.setdefault(key, record.bytes)

    def _count_call(self, call: CallRecord) -> None:
        kind = kind_of(call)
        line = Line(
            call.tenant,
            date.fromordinal(_EPOCH_DAY + call.at_us // DAY_US),
            call.zone,
            call.function,
            kind,
            call.caller_zone if kind is Kind.LINK else call.origin,
        )
        sums = self.lines.get(line)
        if sums is None:
            sums = self.lines[line] = Counts()
        sums.records += 1
        sums.failed += call.status >= SERVER_ERROR
        sums.cold += call.cold
        sums.wait_us += call.wait_us
        sums.run_us += call.run_us
        sums.megabyte_ms += megabyte_ms(call)
        sums.cpu_us += call.cpu_us
        sums.bytes_in += call.bytes_in
        sums.bytes_out += call.bytes_out


def hour_of(at_us: int) -> datetime:
    """Return the first instant of the UTC hour of an instant in microseconds since 1970."""
    return datetime.fromtimestamp(at_us // 1_000_000 // SAMPLE_PERIOD_S * SAMPLE_PERIOD_S, tz=UTC)
