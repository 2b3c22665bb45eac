"""From the bytes of a readings body to columns, keeping the good readings beside the bad ones."""

from typing import Any, Final

import msgspec
from msgspec import UNSET

from functions.mdms.arrivals import Arrivals
from functions.mdms.error_path import error_at
from functions.mdms.list_columns import columns_of_list
from functions.mdms.list_repair import read_one_by_one
from functions.mdms.reading_schema import (
    CountedSeries,
    LenientSeries,
    LooseReadingsBody,
    ReadingsBody,
    Series,
)
from functions.mdms.reason import Reason
from functions.mdms.series_body import Brought, SeriesBody, columns_of_body
from functions.mdms.series_columns import ReadSeries, check_size, columns_of, series_form_error

_INT64: Final = 1 << 63
_EITHER: Final = "a body has either `series`, or `readings` and maybe `interval_s`"

_strict = msgspec.json.Decoder(ReadingsBody)
_loose = msgspec.json.Decoder(LooseReadingsBody)
_series = msgspec.json.Decoder(Series)
_lenient = msgspec.json.Decoder(LenientSeries)
_counted = msgspec.json.Decoder(CountedSeries)


class MalformedBody(ValueError):
    """The body is no JSON, or of neither form; says what was found and where."""


def read_body(body: bytes, *, max_readings: int) -> Arrivals:
    """Decode `body`, a list of series or of readings, into columns.

    A reading that cannot be understood costs itself, a series that cannot its own readings;
    both are marked in `Arrivals.fault`.

    Raises:
        MalformedBody: not JSON, of neither form, or a series without a list of values.
        TooManyReadings, TooManyRegisters: the body holds more than one request may.
    """
    return columns_of_body(open_body(body, max_readings=max_readings))


def open_body(body: bytes, *, max_readings: int) -> Brought:
    """As `read_body`, but series that have nothing wrong are left to be laid out."""
    try:
        try:
            return _strictly(body, max_readings)
        except (msgspec.ValidationError, OverflowError):
            return _tolerantly(body, max_readings)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBody(str(error)) from error


def _strictly(body: bytes, max_readings: int) -> Brought:
    found = _strict.decode(body)
    if found.readings is not UNSET and found.series is UNSET:
        return columns_of_list(
            found.readings, interval_s=found.interval_s, max_readings=max_readings
        )
    if found.series is UNSET or found.readings is not UNSET or found.interval_s is not UNSET:
        raise MalformedBody(_EITHER)
    errors = [series_form_error(series) for series in found.series]
    lengths = [len(series.values) for series in found.series]
    if not any(errors):
        check_size(found.series, lengths, max_readings=max_readings)
        return SeriesBody(found.series, lengths)
    read = [
        ReadSeries(series) if error is None else _refused(readings, error)
        for series, readings, error in zip(found.series, lengths, errors, strict=True)
    ]
    return columns_of(read, max_readings=max_readings)


def _tolerantly(body: bytes, max_readings: int) -> Arrivals:
    found = _loose.decode(body)
    if found.readings is not UNSET and found.series is UNSET:
        readings, faults = read_one_by_one(found.readings, max_readings=max_readings)
        return columns_of_list(
            readings, interval_s=found.interval_s, max_readings=max_readings, faults=faults
        )
    if found.series is UNSET or found.readings is not UNSET or found.interval_s is not UNSET:
        raise MalformedBody(_EITHER)
    read = [_tolerant_series(raw, at) for at, raw in enumerate(found.series)]
    return columns_of(read, max_readings=max_readings)


def _tolerant_series(raw: msgspec.Raw, at: int) -> ReadSeries:
    try:
        lenient = _lenient.decode(raw)
    except msgspec.ValidationError as error:
        where = error_at(error, f"$.series[{at}]")
        try:
            return _refused(len(_counted.decode(raw).values), where)
        except msgspec.ValidationError:
            raise MalformedBody(where) from error
    return _repaired(lenient)


def _refused(readings: int, error: str) -> ReadSeries:
    nothing = Series(register="", interval_s=0, values=[0] * readings)
    return ReadSeries(nothing, [Reason.MALFORMED_SERIES] * readings, error)


def _repaired(lenient: LenientSeries) -> ReadSeries:
    faults = [_fault(value) for value in lenient.values]
    meter_ids = lenient.meter_ids
    if isinstance(meter_ids, list):
        for at, meter_id in enumerate(meter_ids[: len(faults)]):
            if not isinstance(meter_id, str):
                faults[at] = Reason.WRONG_TYPE
        meter_ids = [name if isinstance(name, str) else "" for name in meter_ids]
    quality = lenient.quality
    series = Series(
        register=lenient.register,
        interval_s=lenient.interval_s,
        values=[0 if fault else value for fault, value in zip(faults, lenient.values, strict=True)],
        meter_id=lenient.meter_id,
        start=lenient.start,
        at=lenient.at,
        meter_ids=meter_ids,
        quality=[_code(code) for code in quality] if isinstance(quality, list) else _code(quality),
    )
    error = series_form_error(series)
    return ReadSeries(series, faults) if error is None else _refused(len(series.values), error)


def _fault(value: Any) -> Reason:
    if isinstance(value, bool) or not isinstance(value, int):
        return Reason.WRONG_TYPE
    return Reason.NONE if -_INT64 <= value < _INT64 else Reason.VALUE_RANGE


def _code(quality: Any) -> int:
    is_code = isinstance(quality, int) and not isinstance(quality, bool) and 0 <= quality <= 255
    return quality if is_code else -1
