"""From what a client registers to a meter, or the reason why not."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import UNSET

from functions.mdms.interval_size import DAY_S
from functions.mdms.meter_schema import FormulaForm, MeterForm
from storage.model.interval_lengths import UNSAID
from storage.model.meter import Formula, Meter, Term

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_decoder = msgspec.json.Decoder(MeterForm)
_named = msgspec.json.Decoder(dict[str, msgspec.Raw])


class MeterRefused(ValueError):
    """The form describes no meter; `meter_id` is what it called itself, if it did."""

    def __init__(self, reason: str, detail: str, *, meter_id: str | None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.meter_id = meter_id


def read_forms(forms: Iterable[msgspec.Raw]) -> Iterator[Meter | MeterRefused]:
    """Read each form by itself; a second form of the same meter is refused."""
    seen: set[str] = set()
    for form in forms:
        try:
            meter = read_form(form)
            if meter.meter_id in seen:
                raise MeterRefused(
                    "repeated",
                    "the body describes this meter more than once; the first one counts",
                    meter_id=meter.meter_id,
                )
        except MeterRefused as refusal:
            yield refusal
        else:
            seen.add(meter.meter_id)
            yield meter


def read_form(form: msgspec.Raw) -> Meter:
    """Read one meter.

    Raises:
        MeterRefused: a missing, unknown or wrong field, an interval that does not divide a day,
            a register twice, or an unknown time zone.
    """
    try:
        read = _decoder.decode(form)
    except msgspec.ValidationError as error:
        raise MeterRefused("malformed", str(error), meter_id=_name(form)) from error
    if DAY_S % read.interval_s:
        raise MeterRefused(
            "interval-size",
            f"{read.interval_s} s does not divide a day evenly",
            meter_id=read.meter_id,
        )
    if len(set(read.registers)) != len(read.registers):
        raise MeterRefused("repeated-register", "a register is named twice", meter_id=read.meter_id)
    try:
        ZoneInfo(read.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise MeterRefused(
            "time-zone", f"{read.time_zone!r} is no IANA time zone", meter_id=read.meter_id
        ) from error
    return Meter(
        meter_id=read.meter_id,
        registers=tuple(read.registers),
        interval_s=read.interval_s,
        dials=read.dials,
        multiplier=read.multiplier,
        service_point=read.service_point,
        feeder=read.feeder,
        transformer=read.transformer,
        time_zone=read.time_zone,
        active=read.active,
        interval_since_s=_since_s(read),
        formulas=UNSET if read.formulas is None else _formulas(read.formulas, read.meter_id),
    )


def _formulas(forms: list[FormulaForm], meter_id: str) -> tuple[Formula, ...]:
    found = []
    for form in forms:
        since_s = 0.0 if form.since is None else (form.since - _EPOCH).total_seconds()
        if since_s < 0 or since_s % DAY_S:
            raise MeterRefused(
                "formula", "`since` must be a midnight UTC, not before 1970", meter_id=meter_id
            )
        terms = tuple(
            Term(meter_id=one.meter_id, weight=one.weight, register=one.register)
            for one in form.terms
        )
        if len({(one.meter_id, one.register) for one in terms}) < len(terms):
            raise MeterRefused("formula", "a part is named twice", meter_id=meter_id)
        found.append(Formula(since_s=int(since_s), terms=terms))
    if any(one.since_s >= later.since_s for one, later in pairwise(found)):
        raise MeterRefused("formula", "formulas must follow one another", meter_id=meter_id)
    return tuple(found)


def _since_s(read: MeterForm) -> int:
    if read.interval_since is None:
        return UNSAID
    since_s = (read.interval_since - _EPOCH).total_seconds()
    if since_s < 0 or since_s % 1:
        raise MeterRefused(
            "interval-size",
            "`interval_since` must be a whole second, not before 1970",
            meter_id=read.meter_id,
        )
    return int(since_s)


def _name(form: msgspec.Raw) -> str | None:
    try:
        return msgspec.json.decode(_named.decode(form)["meter_id"], type=str)
    except (msgspec.ValidationError, KeyError):
        return None
