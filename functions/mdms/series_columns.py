"""From decoded series to columns: one pass over the series, none over their readings."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import accumulate, chain, repeat
from typing import Final, NamedTuple

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from functions.mdms.arrivals import Arrivals
from functions.mdms.reason import Reason
from functions.mdms.schema import Series

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
    if len(read) == 1 and lengths[0] <= max_readings:
        [(series, faults, error)] = read
        if faults is None and error is None and series.meter_ids is not UNSET:
            usual = _one_instant(series, series.meter_ids)
            if usual is not None:
                return usual
    if sum(lengths) > max_readings:
        raise TooManyReadings(sum(lengths), max_readings)
    names: dict[str, int] = {}
    registers: dict[str, int] = {}
    run_meter: list[int] = []
    runs: list[int] = []
    of_series: list[tuple[int, int, int, int]] = []
    for (series, _, _), readings in zip(read, lengths, strict=True):
        ids = series.meter_ids
        if ids is UNSET:
            name = "" if series.meter_id is UNSET else series.meter_id
            run_meter.append(names.setdefault(name, len(names)))
            runs.append(1)
        else:
            run_meter += _places(ids, names)
            runs.append(readings)
        begin = series.at if series.start is UNSET else series.start
        start_us = 0 if begin is UNSET else (begin - _EPOCH) // _MICROSECOND
        register = registers.setdefault(series.register, len(registers))
        run_length = readings if ids is UNSET else 1
        of_series.append((register, _interval_s(series), start_us, run_length))
    if len(registers) > MAX_REGISTERS:
        raise TooManyRegisters(len(registers))
    of_run = np.repeat(np.array(of_series, dtype=np.int64).reshape(-1, 4), runs, axis=0)
    readings = sum(lengths)
    return Arrivals(
        meters=list(names),
        registers=list(registers),
        series_length=np.array(lengths, dtype=np.int64),
        run_meter=np.array(run_meter, dtype=np.int64),
        run_register=of_run[:, 0],
        run_interval_s=of_run[:, 1],
        run_start_us=of_run[:, 2],
        run_length=of_run[:, 3],
        values=_values(read, readings),
        quality=_qualities(read, lengths),
        fault=_faults(read, lengths, readings),
        error=_errors(read, lengths),
    )


def _one_instant(series: Series, ids: list[str]) -> Arrivals | None:
    """Lay out a whole body of live traffic: one instant, each meter once; None if it is not."""
    readings = len(ids)
    if len(set(ids)) < readings:
        return None
    start_us = 0 if series.at is UNSET else (series.at - _EPOCH) // _MICROSECOND
    code = series.quality
    return Arrivals(
        meters=ids,
        registers=[series.register],
        series_length=np.array([readings], dtype=np.int64),
        run_meter=np.arange(readings, dtype=np.int64),
        run_register=np.zeros(readings, dtype=np.int64),
        run_interval_s=np.full(readings, _interval_s(series), dtype=np.int64),
        run_start_us=np.full(readings, start_us, dtype=np.int64),
        run_length=np.ones(readings, dtype=np.int64),
        values=np.array(series.values, dtype=np.int64),
        quality=np.array(code, dtype=np.int64)
        if isinstance(code, list)
        else np.full(readings, code, dtype=np.int64),
        fault=np.zeros(readings, dtype=np.uint8),
    )


def _places(ids: list[str], names: dict[str, int]) -> Iterable[int]:
    """Where each of `ids` is among `names`, which takes in those that are new to it."""
    if not names:
        names.update(zip(ids, range(len(ids)), strict=True))
        if len(names) == len(ids):
            # The usual series names each of its meters once.
            return range(len(ids))
        names.clear()
    return [names.setdefault(name, len(names)) for name in ids]


def _values(read: list[ReadSeries], readings: int) -> NDArray[np.int64]:
    if len(read) == 1:
        return np.array(read[0].series.values, dtype=np.int64)
    every = chain.from_iterable(one.series.values for one in read)
    return np.fromiter(every, dtype=np.int64, count=readings)


def _interval_s(series: Series) -> int:
    # At one instant many registers can be read; a run of reads would all be at its start.
    shortest = 1 if series.meter_ids is UNSET else 0
    return series.interval_s if shortest <= series.interval_s <= DAY_S else -1


def _errors(read: list[ReadSeries], lengths: list[int]) -> dict[int, str]:
    """What is wrong with refused series, by their first reading."""
    if not any(one.error for one in read):
        return {}
    begins = accumulate(lengths, initial=0)
    return {
        begin: one.error
        for begin, one, readings in zip(begins, read, lengths, strict=False)
        if one.error is not None and readings
    }


def _qualities(read: list[ReadSeries], lengths: list[int]) -> NDArray[np.int64]:
    codes = [one.series.quality for one in read]
    if set(map(type, codes)) == {int}:
        return np.repeat(np.array(codes, dtype=np.int64), lengths)
    each = (
        one.series.quality
        if isinstance(one.series.quality, list)
        else repeat(one.series.quality, n)
        for one, n in zip(read, lengths, strict=True)
    )
    return np.fromiter(chain.from_iterable(each), dtype=np.int64, count=sum(lengths))


def _faults(read: list[ReadSeries], lengths: list[int], readings: int) -> NDArray[np.uint8]:
    if not any(one.faults for one in read):
        return np.zeros(readings, dtype=np.uint8)
    each = (
        repeat(Reason.NONE, n) if one.faults is None else one.faults
        for one, n in zip(read, lengths, strict=True)
    )
    return np.fromiter(chain.from_iterable(each), dtype=np.uint8, count=readings)
