"""Wire forms of mdms: what a readings body, a meter and the answers look like in JSON."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
ObisCode = Annotated[str, msgspec.Meta(pattern=r"^\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}$")]
MeterId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Series(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A meter's run (`meter_id`, `start`) or an instant's meters (`at`, `meter_ids`).

    `values` are integer Wh (W for demand registers), `interval_s` seconds; `quality` is one
    QualityOfReading for all, or one a value.
    """

    register: str
    interval_s: int
    values: list[int]
    meter_id: str | UnsetType = UNSET
    start: Instant | UnsetType = UNSET
    at: Instant | UnsetType = UNSET
    meter_ids: list[str] | UnsetType = UNSET
    quality: int | list[int] = 0


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


class CountedSeries(msgspec.Struct):
    """Whatever has a list of values: enough to answer for each of its readings."""

    values: list[Any]


class ReadingsBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/mdms/readings`."""

    series: list[Series]


class LooseReadingsBody(msgspec.Struct, forbid_unknown_fields=True):
    """The same body with each series still to be decoded."""

    series: list[msgspec.Raw]


class OutcomeRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`count` readings of a series, from index `first`, that had the same outcome."""

    first: int = msgspec.field(name="from")
    count: int
    outcome: str
    reason: str | None = None
    detail: str | None = None


class SeriesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The four counts of one series and the runs of outcomes that cover it."""

    accepted: int
    duplicate: int
    corrected: int
    rejected: int
    outcomes: list[OutcomeRun]


class ReadingsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a readings body; the series are in its order."""

    accepted: int
    duplicate: int
    corrected: int
    rejected: int
    series: list[SeriesAnswer]


class MeterForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A meter as a client registers it; absent fields take the defaults below."""

    meter_id: MeterId
    registers: Annotated[list[ObisCode], msgspec.Meta(min_length=1, max_length=32)]
    interval_s: Annotated[int, msgspec.Meta(ge=60, le=86_400)]
    dials: Annotated[int, msgspec.Meta(ge=1, le=18)] = 8
    multiplier: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    service_point: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    feeder: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    time_zone: str = "UTC"
    active: bool = True


MAX_METERS_PER_BODY: Final = 10_000


class MetersBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/mdms/meters`; each meter is judged on its own."""

    meters: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_METERS_PER_BODY)]


class Acknowledgement(msgspec.Struct, frozen=True):
    """Answer to an uplink body: this many of its entries are durable."""

    acknowledged: int
