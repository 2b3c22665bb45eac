"""NDJSON: one reading a line, so that a head-end can write as it goes; a bad line costs itself."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import msgspec
from msgspec import UNSET

from functions.mdms.arrivals import Arrivals
from functions.mdms.list_columns import Fault, columns_of_list
from functions.mdms.list_repair import NOTHING, repaired
from functions.mdms.reading_schema import Reading
from functions.mdms.reason import Reason
from functions.mdms.series_columns import TooManyReadings

MEDIA_TYPE: Final = "application/x-ndjson"

_decoder = msgspec.json.Decoder(Reading)


def read_lines(body: bytes, *, max_readings: int) -> Arrivals:
    """Decode a reading a line into columns; blank lines are skipped, but counted by the limit.

    What cannot be read is marked in `Arrivals.fault`; `error` names its line, from 1.

    Raises:
        TooManyReadings, TooManyRegisters: the body holds more than one request may.
    """
    lines = body.count(b"\n") + (not body.endswith(b"\n") and len(body) > 0)
    if lines > max_readings:
        raise TooManyReadings(lines, max_readings)
    try:
        readings = _decoder.decode_lines(body)
        # A line each, so that a reading's place names its line.
        if len(readings) == lines:
            found = columns_of_list(readings, interval_s=UNSET, max_readings=max_readings)
            return named_by_line(found, range(1, lines + 1))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
        pass
    return _line_by_line(body, max_readings)


def named_by_line(arrivals: Arrivals, line: range | list[int]) -> Arrivals:
    """The same arrivals, whose errors name the line of each reading."""
    if not arrivals.error:
        return arrivals
    error = {at: f"line {line[at]}: {text}" for at, text in arrivals.error.items()}
    return replace(arrivals, error=error)


def _line_by_line(body: bytes, max_readings: int) -> Arrivals:
    readings: list[Reading] = []
    faults: dict[int, Fault] = {}
    numbers: list[int] = []
    for number, line in _lines(body):
        reading: Reading = NOTHING
        try:
            reading, fault = repaired(_decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            fault = Reason.MALFORMED_READING, str(error)
        if fault is not None:
            faults[len(readings)] = fault
        readings.append(reading)
        numbers.append(number)
    found = columns_of_list(readings, interval_s=UNSET, max_readings=max_readings, faults=faults)
    return named_by_line(found, numbers)


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(body.split(b"\n"), start=1):
        if line.strip():
            yield number, line
