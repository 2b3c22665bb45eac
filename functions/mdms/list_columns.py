"""From a decoded list of readings to columns: comprehensions and numpy, no loop over readings."""

from typing import Final

import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from functions.mdms.arrivals import Arrivals
from functions.mdms.instants import UNREADABLE, micros_of
from functions.mdms.reading_schema import Reading
from functions.mdms.reason import Reason
from functions.mdms.series_columns import (
    DAY_S,
    MAX_REGISTERS,
    TooManyReadings,
    TooManyRegisters,
)

_NO_INSTANT: Final = "`at` is no RFC 3339 instant with an offset"
Fault = tuple[Reason, str | None]


def columns_of_list(
    readings: list[Reading],
    *,
    interval_s: int | UnsetType,
    max_readings: int,
    faults: dict[int, Fault] | None = None,
) -> Arrivals:
    """Lay the readings out as columns, a run of one each.

    `interval_s` is that of readings without their own. `faults` names readings that stand in for
    ones that could not be read, by index.

    Raises:
        TooManyReadings, TooManyRegisters: nothing was laid out.
        OverflowError: a number beyond 64 bits.
    """
    count = len(readings)
    if count > max_readings:
        raise TooManyReadings(count, max_readings)
    names: dict[str, int] = {}
    run_meter = [names.setdefault(one.meter_id, len(names)) for one in readings]
    registers = list(dict.fromkeys([one.register for one in readings]))
    if len(registers) > MAX_REGISTERS:
        raise TooManyRegisters(len(registers))
    start_us = micros_of([one.at for one in readings])
    unreadable = start_us == UNREADABLE
    fault, error = np.zeros(count, dtype=np.uint8), dict[int, str]()
    if faults or unreadable.any():
        start_us[unreadable] = 0
        error = _mark(fault, faults or {}, unreadable)
    return Arrivals(
        meters=list(names),
        registers=registers,
        series_length=np.array([count], dtype=np.int64),
        run_meter=np.array(run_meter, dtype=np.int64),
        run_register=_indexes(readings, registers),
        run_interval_s=_intervals(readings, interval_s),
        run_start_us=start_us,
        run_length=np.ones(count, dtype=np.int64),
        values=np.array([one.value for one in readings], dtype=np.int64),
        quality=_column([one.quality for one in readings]),
        fault=fault,
        error=error,
        listed=True,
    )


def _column(numbers: list[int]) -> NDArray[np.int64]:
    # Most lists say the same for all.
    if len(set(numbers)) == 1:
        return np.full(len(numbers), numbers[0], dtype=np.int64)
    return np.array(numbers, dtype=np.int64)


def _indexes(readings: list[Reading], registers: list[str]) -> NDArray[np.int64]:
    if len(registers) <= 1:
        return np.zeros(len(readings), dtype=np.int64)
    index = {name: at for at, name in enumerate(registers)}
    return np.array([index[one.register] for one in readings], dtype=np.int64)


def _intervals(readings: list[Reading], default: int | UnsetType) -> NDArray[np.int64]:
    otherwise = 0 if default is UNSET else default if 0 <= default <= DAY_S else -1
    lengths = [otherwise if one.interval_s is UNSET else one.interval_s for one in readings]
    # Length 0 is a register read's; what no day can hold is left to its rule.
    if len(set(lengths)) == 1:
        length = lengths[0] if 0 <= lengths[0] <= DAY_S else -1
        return np.full(len(lengths), length, dtype=np.int64)
    column = np.array(lengths, dtype=np.int64)
    return np.where((column >= 0) & (column <= DAY_S), column, np.int64(-1))


def _mark(
    fault: NDArray[np.uint8], known: dict[int, Fault], no_instant: NDArray[np.bool_]
) -> dict[int, str]:
    """Write the faults into their column; return what is wrong, where there is more to say."""
    found: dict[int, Fault] = {
        at: (Reason.MALFORMED_READING, _NO_INSTANT) for at in np.flatnonzero(no_instant).tolist()
    } | known
    for at, (reason, _) in found.items():
        fault[at] = reason
    return {at: text for at, (_, text) in found.items() if text is not None}
