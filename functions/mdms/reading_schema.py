"""Wire forms of readings that come in, and what became of them."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from functions.mdms.wire_types import Instant, Int64


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


class Acknowledgement(msgspec.Struct, frozen=True):
    """Answer to an uplink body: this many of its entries, from the first, are durable.

    `any_order`: entries that say which one they come after may come before older ones.
    """

    acknowledged: int
    any_order: bool = True
