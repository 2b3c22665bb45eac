"""Wire forms of answers to queries: intervals, events, revisions, periods."""

import msgspec
from msgspec import UNSET, UnsetType


class SeriesPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Consecutive intervals from `start`; null where there is no such value.

    `values` are as metered, `final` what counts now, `quality` that of `final`, `revision` the
    number of versions that `final` has outlived. `source` and `zone` say where they were read,
    unless there is nothing.
    """

    start: str
    values: list[int | None] | UnsetType = UNSET
    final: list[int | None] | UnsetType = UNSET
    quality: list[int | None] | UnsetType = UNSET
    revision: list[int | None] | UnsetType = UNSET
    source: str | None = None
    zone: str | None = None
    missing_parts: list[int] | UnsetType = UNSET
    """Of a virtual meter: how many of its parts had no value."""


class MissingPart(msgspec.Struct, frozen=True, kw_only=True):
    """Intervals that another zone may have, which could not be asked."""

    begin: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")
    reason: str


class EventPart(msgspec.Struct, frozen=True, kw_only=True):
    """One event: a register read at `at` (`interval_s` 0), or the interval from `at` on.

    `value` is as metered, null when there is only an estimate or an edit; `final` is what counts
    now, `quality` its quality, `revision` the number of versions that it has outlived.
    """

    at: str
    interval_s: int
    value: int | None
    final: int
    quality: int
    revision: int


class EventsAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of a meter's events in `[from, to)`, by instant."""

    meter_id: str
    register: str
    begin: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")
    events: list[EventPart]
    source: str
    next_cursor: str | None
    age_s: float | None = None
    missing: list[MissingPart] = []


class RevisionPart(msgspec.Struct, frozen=True, kw_only=True):
    """A version that does not count: replaced, or outranked when it came.

    `acknowledged_at` and `edge` say when and where it was taken; `sequence` orders versions.
    """

    at: str
    interval_s: int
    value: int
    quality: int
    acknowledged_at: str
    edge: str
    sequence: int


class RevisionsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the versions of a meter's readings in `[from, to)`, by instant, then by time."""

    meter_id: str
    register: str
    begin: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")
    revisions: list[RevisionPart]
    next_cursor: str | None


class PeriodAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of a meter's period; `from` and `to` are the page's bounds, half-open.

    `age_s` is the age of the newest acknowledged data behind what was recalled, `missing` what
    could not be.
    """

    meter_id: str
    register: str
    interval_s: int
    begin: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")
    series: list[SeriesPart]
    source: str
    next_cursor: str | None
    age_s: float | None = None
    missing: list[MissingPart] = []
