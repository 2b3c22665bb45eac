"""CSV: a header row that names the columns, then a reading a row; a bad row costs itself."""

import csv
import io
from typing import Final

from msgspec import UNSET, UnsetType

from functions.mdms.arrivals import Arrivals
from functions.mdms.line_body import named_by_line
from functions.mdms.list_columns import Fault, columns_of_list
from functions.mdms.list_repair import NOTHING, repaired
from functions.mdms.reading_schema import Reading
from functions.mdms.readings_body import MalformedBody
from functions.mdms.reason import Reason
from functions.mdms.series_columns import TooManyReadings

MEDIA_TYPE: Final = "text/csv"
NEEDED: Final = ("meter_id", "register", "at", "value")
COLUMNS: Final = (*NEEDED, "interval_s", "quality")
_MOST_DIGITS: Final = 40


class _BadRow(ValueError):
    """The row is no reading; says why."""


def read_csv(body: bytes, *, max_readings: int) -> Arrivals:
    """Decode rows of `COLUMNS`, in the header's order, into columns.

    Separated by `,` or, where the header is, by `;`; with or without a byte order mark, ending in
    LF or CRLF. An empty `interval_s` is a register read, an empty `quality` 0. What cannot be
    read is marked in `Arrivals.fault`; `error` names its line, from 1.

    Raises:
        MalformedBody: not UTF-8, no header of these columns, or a quote that is not closed.
        TooManyReadings, TooManyRegisters: the body holds more than one request may.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedBody(str(error)) from error
    head = text[: text.find("\n")] if "\n" in text else text
    separator = ";" if ";" in head else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    readings: list[Reading] = []
    faults: dict[int, Fault] = {}
    numbers: list[int] = []
    try:
        place = _places(next(rows, []))
        for row in rows:
            if not any(map(str.strip, row)):
                continue
            if len(readings) == max_readings:
                raise TooManyReadings(len(readings) + 1, max_readings)
            reading: Reading = NOTHING
            try:
                reading, fault = repaired(_reading(row, place))
            except _BadRow as error:
                fault = Reason.MALFORMED_READING, str(error)
            if fault is not None:
                faults[len(readings)] = fault
            readings.append(reading)
            numbers.append(rows.line_num)
    except csv.Error as error:
        raise MalformedBody(f"line {rows.line_num}: {error}") from error
    found = columns_of_list(readings, interval_s=UNSET, max_readings=max_readings, faults=faults)
    return named_by_line(found, numbers)


def _places(header: list[str]) -> dict[str, int]:
    names = [name.strip().lower() for name in header]
    for name in names:
        if name not in COLUMNS:
            raise MalformedBody(
                f"the header names a column {name[:64]!r}; known are {', '.join(COLUMNS)}"
            )
    if len(set(names)) < len(names):
        raise MalformedBody("the header names a column twice")
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise MalformedBody(f"the header lacks {', '.join(missing)}")
    return {name: at for at, name in enumerate(names)}


def _reading(row: list[str], place: dict[str, int]) -> Reading:
    if len(row) != len(place):
        raise _BadRow(f"{len(row)} fields under a header of {len(place)}")
    length: int | UnsetType = UNSET
    quality = 0
    if "interval_s" in place and (text := row[place["interval_s"]].strip()):
        length = _integer(text, "interval_s")
    if "quality" in place and (text := row[place["quality"]].strip()):
        quality = _integer(text, "quality")
    return Reading(
        meter_id=row[place["meter_id"]].strip(),
        register=row[place["register"]].strip(),
        at=row[place["at"]].strip(),
        value=_integer(row[place["value"]].strip(), "value"),
        quality=quality,
        interval_s=length,
    )


def _integer(text: str, column: str) -> int:
    # `int` would also take "1_000" and other scripts' digits, which a list does not.
    if len(text) <= _MOST_DIGITS and text.isascii() and text.lstrip("+-").isdigit():
        try:
            return int(text)
        except ValueError:
            pass
    raise _BadRow(f"`{column}` is {text[:_MOST_DIGITS]!r}, not an integer")
