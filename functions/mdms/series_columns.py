"""From decoded series to columns: one pass over the series, none over their readings."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate, chain, repeat
from typing import Final, NamedTuple

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from functions.mdms.arrivals import Arrivals
from functions.mdms.reading_schema import Series
from functions.mdms.reason import Reason

DAY_S: Final = 86_400
MAX_REGISTERS: Final = 256
_ONE_METER: Final = ((True, True), (False, False))
_ONE_INSTANT: Final = ((False, False), (True, True))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class TooManyReadings(ValueError):
    """The body holds more readings than one request may."""

    def __init__(self, readings: int, limit: int) -> None:
        super().__init__(f"{readings} readings in one body; at most {limit} are taken")
        self.members = {"limit": limit}


class TooManyRegisters(ValueError):
    """The body names more different registers than one request may."""

    def __init__(self, registers: int) -> None:
        super().__init__(f"{registers} registers in one body; at most {MAX_REGISTERS} are taken")
        self.members = {"limit": MAX_REGISTERS}


class ReadSeries(NamedTuple):
    """A series whose form is right, or one that is refused as a whole with an `error`."""

    series: Series
    faults: list[Reason] | None = None
    error: str | None = None


def series_form_error(series: Series) -> str | None:
    """Say what is wrong with the form of a series: neither of the two, or unequal lengths."""
    readings = len(series.values)
    if (
        series.meter_ids is UNSET
        and series.at is UNSET
        and series.meter_id is not UNSET
        and series.start is not UNSET
        and type(series.quality) is int
    ):
        # Nearly always so.
        return None
    of_meter = series.meter_id is not UNSET, series.start is not UNSET
    of_instant = series.meter_ids is not UNSET, series.at is not UNSET
    if (of_meter, of_instant) not in (_ONE_METER, _ONE_INSTANT):
        return "a series has either `meter_id` and `start`, or `at` and `meter_ids`"
    if series.meter_ids is not UNSET and len(series.meter_ids) != readings:
        return f"{len(series.meter_ids)} `meter_ids` for {readings} `values`"
    if isinstance(series.quality, list) and len(series.quality) != readings:
        return f"{len(series.quality)} `quality` codes for {readings} `values`"
    return None


def columns_of(read: list[ReadSeries], *, max_readings: int) -> Arrivals:
    """Lay the series out as columns.

    Raises:
        TooManyReadings, TooManyRegisters: nothing was laid out.
        OverflowError: a value or a quality beyond 64 bits.
    """
    lengths = [len(one.series.values) for one in read]
    check_size([one.series for one in read], lengths, max_readings=max_readings)
    arrivals = lay_out([one.series for one in read], lengths)
    if not any(one.faults or one.error for one in read):
        return arrivals
    return replace(
        arrivals, fault=_faults(read, lengths, sum(lengths)), error=_errors(read, lengths)
    )


def check_size(series: Sequence[Series], lengths: list[int], *, max_readings: int) -> None:
    """Check that one body may hold as much; `lengths` are the readings of each series.

    Raises:
        TooManyReadings, TooManyRegisters: it holds more.
    """
    readings = sum(lengths)
    if readings > max_readings:
        raise TooManyReadings(readings, max_readings)
    if len(series) > MAX_REGISTERS:
        registers = len({one.register for one in series})
        if registers > MAX_REGISTERS:
            raise TooManyRegisters(registers)


def lay_out(series: Sequence[Series], lengths: list[int]) -> Arrivals:
    """Lay out series whose form is right, of one body or of several, as columns.

    Raises:
        OverflowError: a value or a quality beyond 64 bits.
    """
    registers: dict[str, int] = {}
    names: list[str] = []
    runs: list[int] = []
    of_series: list[tuple[int, int, int, int]] = []
    for one, readings in zip(series, lengths, strict=True):
        ids, start = one.meter_ids, one.start
        if ids is UNSET:
            names.append("" if one.meter_id is UNSET else one.meter_id)
            runs.append(1)
        else:
            names += ids
            runs.append(readings)
        begin = one.at if start is UNSET else start
        start_us = 0 if begin is UNSET else (begin - _EPOCH) // _MICROSECOND
        register = registers.setdefault(one.register, len(registers))
        run_length = readings if ids is UNSET else 1
        of_series.append((register, _interval_s(one), start_us, run_length))
    readings = sum(lengths)
    meters, run_meter = _distinct(names)
    of_run = np.array(of_series, dtype=np.int64).reshape(-1, 4).T
    if len(names) > len(series) or 0 in runs:
        of_run = np.repeat(of_run, runs, axis=1)
    register_index, interval_s, run_start_us, lengths_of_runs = np.ascontiguousarray(of_run)
    return Arrivals(
        meters=meters,
        registers=list(registers),
        series_length=np.array(lengths, dtype=np.int64),
        run_meter=run_meter,
        run_register=register_index,
        run_interval_s=interval_s,
        run_start_us=run_start_us,
        run_length=lengths_of_runs,
        values=np.fromiter(
            chain.from_iterable(one.values for one in series), dtype=np.int64, count=readings
        ),
        quality=_qualities(series, lengths, readings),
        fault=np.zeros(readings, dtype=np.uint8),
    )


def _distinct(names: list[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Every name once, and where each of `names` is among them."""
    if len(set(names)) == len(names):
        # Live traffic names each meter once.
        return names, np.arange(len(names), dtype=np.int64)
    distinct = dict.fromkeys(names)
    index = dict(zip(distinct, range(len(distinct)), strict=True))
    return list(distinct), np.array(list(map(index.__getitem__, names)), dtype=np.int64)


def _interval_s(series: Series) -> int:
    # At one instant many registers can be read; a run of reads would all be at its start.
    shortest = 1 if series.meter_ids is UNSET else 0
    return series.interval_s if shortest <= series.interval_s <= DAY_S else -1


def _errors(read: list[ReadSeries], lengths: list[int]) -> dict[int, str]:
    """What is wrong with refused series, by their first reading."""
    begins = accumulate(lengths, initial=0)
    return {
        begin: one.error
        for begin, one, readings in zip(begins, read, lengths, strict=False)
        if one.error is not None and readings
    }


def _qualities(series: Sequence[Series], lengths: list[int], readings: int) -> NDArray[np.int64]:
    codes = [one.quality for one in series]
    first = codes[0] if codes else 0
    if isinstance(first, int) and codes.count(first) == len(codes):
        return np.full(readings, first, dtype=np.int64)
    each = (
        code if isinstance(code, list) else repeat(code, n)
        for code, n in zip(codes, lengths, strict=True)
    )
    return np.fromiter(chain.from_iterable(each), dtype=np.int64, count=readings)


def _faults(read: list[ReadSeries], lengths: list[int], readings: int) -> NDArray[np.uint8]:
    each = (
        repeat(Reason.NONE, n) if one.faults is None else one.faults
        for one, n in zip(read, lengths, strict=True)
    )
    return np.fromiter(chain.from_iterable(each), dtype=np.uint8, count=readings)
