"""Wire forms of mdms: what a readings body, a meter and the answers look like in JSON."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from storage.model.meter import Meter, RegistryPosition
from storage.model.rule_groups import ActiveRules

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
ObisCode = Annotated[str, msgspec.Meta(pattern=r"^\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}$")]
MeterId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
# PostgreSQL's text holds no NUL.
Label = Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[^\x00]*$")]


class Series(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A meter's run (`meter_id`, `start`) or an instant's meters (`at`, `meter_ids`).

    `values` are integer Wh (W for demand registers), `interval_s` seconds; `quality` is one
    QualityOfReading for all, or one a value.
    """

    register: str
    interval_s: int
    values: list[Int64]
    meter_id: str | UnsetType = UNSET
    start: Instant | UnsetType = UNSET
    at: Instant | UnsetType = UNSET
    meter_ids: list[str] | UnsetType = UNSET
    quality: Int64 | list[Int64] = 0


class LenientSeries(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A `Series` whose readings may be of any type, each to be judged on its own."""

    register: str
    interval_s: int
    values: list[Any]
    meter_id: str | UnsetType = UNSET
    start: Instant | UnsetType = UNSET
    at: Instant | UnsetType = UNSET
    meter_ids: list[Any] | UnsetType = UNSET
    quality: int | list[Any] = 0


class Reading(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """One reading of a list: a register read, or with `interval_s` the interval from `at` on.

    `value` is integer Wh (W for demand registers). An `interval_s` of 0 means a register read too.
    """

    meter_id: str
    register: str
    at: str
    value: int
    quality: int = 0
    interval_s: int | UnsetType = UNSET


class CountedSeries(msgspec.Struct):
    """Whatever has a list of values: enough to answer for each of its readings."""

    values: list[Any]


class ReadingsBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of `POST /v1/mdms/readings`: `series`, or `readings`.

    `interval_s` is for the readings of a list that name none.
    """

    series: list[Series] | UnsetType = UNSET
    readings: list[Reading] | UnsetType = UNSET
    interval_s: int | UnsetType = UNSET


class LooseReadingsBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The same body with each series or reading still to be decoded."""

    series: list[msgspec.Raw] | UnsetType = UNSET
    readings: list[msgspec.Raw] | UnsetType = UNSET
    interval_s: int | UnsetType = UNSET


class OutcomeRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`count` readings of a series or list, from index `first`, that had the same outcome."""

    first: int = msgspec.field(name="from")
    count: int
    outcome: str
    reason: str | None = None
    detail: str | None = None


class SeriesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The four counts of one series or list, and the runs of outcomes that cover it."""

    accepted: int
    duplicate: int
    corrected: int
    rejected: int
    outcomes: list[OutcomeRun]


class ReadingsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a body of series, in its order; a list is answered as a single series is."""

    accepted: int
    duplicate: int
    corrected: int
    rejected: int
    series: list[SeriesAnswer]


class TermForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a virtual meter: `weight` times another meter's intervals.

    Without a `register`, of the one that is asked of the virtual meter.
    """

    meter_id: MeterId
    weight: Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)] = 1.0
    register: ObisCode | None = None


class FormulaForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a virtual meter is from `since` (a midnight UTC; from ever on unless said)."""

    terms: Annotated[list[TermForm], msgspec.Meta(min_length=1, max_length=1_000)]
    since: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class MeterForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A meter as a client registers it; absent fields take the defaults below."""

    meter_id: MeterId
    registers: Annotated[list[ObisCode], msgspec.Meta(min_length=1, max_length=32)]
    interval_s: Annotated[int, msgspec.Meta(ge=60, le=86_400)]
    interval_since: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    dials: Annotated[int, msgspec.Meta(ge=1, le=18)] = 8
    multiplier: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    service_point: Label | None = None
    feeder: Label | None = None
    transformer: Label | None = None
    time_zone: str = "UTC"
    active: bool = True
    formulas: Annotated[list[FormulaForm], msgspec.Meta(min_length=1, max_length=100)] | None = None


MAX_METERS_PER_BODY: Final = 10_000


class MetersBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/mdms/meters`; each meter is judged on its own."""

    meters: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_METERS_PER_BODY)]


class Acknowledgement(msgspec.Struct, frozen=True):
    """Answer to an uplink body: this many of its entries, from the first, are durable.

    `any_order`: entries that say which one they come after may come before older ones.
    """

    acknowledged: int
    any_order: bool = True


class MeterOutcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one meter of a registration: created, unchanged, changed or rejected."""

    meter_id: str | None
    outcome: str
    reason: str | None = None
    detail: str | None = None


class MetersAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a registration; `meters` are in the order of the body."""

    created: int
    unchanged: int
    changed: int
    rejected: int
    version: int
    meters: list[MeterOutcome]


class MetersPage(msgspec.Struct, frozen=True, kw_only=True):
    """Meters by id, from a cursor on."""

    meters: list[Meter]
    next_cursor: str | None


class DownlinkPage(msgspec.Struct, frozen=True, kw_only=True):
    """All changes of the registry after version `after` up to `version`, in their order.

    Versions count within `incarnation`; a zone that holds an older one takes all from 0. `rules`
    are the rule groups that hold, where they have changed in between.
    """

    after: int
    version: int
    complete: bool
    meters: list[Meter]
    incarnation: int = 0
    rules: ActiveRules | None = None

    @property
    def position(self) -> RegistryPosition:
        """Where a zone is that has taken the page."""
        return RegistryPosition(self.incarnation, self.version)


class DownlinkTaken(msgspec.Struct, frozen=True, kw_only=True):
    """The version that the zone holds; `complete` when its parent had no more to give.

    Of a newer `incarnation` than the one held, the version that it has taken so far.
    """

    version: int
    complete: bool
    incarnation: int = 0


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
