"""Wire forms of meters and their registry, as it is written, listed and sent down."""

from datetime import datetime
from typing import Annotated, Final

import msgspec

from functions.mdms.wire_types import Label, MeterId, ObisCode
from storage.model.meter import Meter, RegistryPosition
from storage.model.rule_groups import ActiveRules


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
