"""Reading a list one by one: what cannot be read costs itself, and its neighbours nothing."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET

from functions.mdms.error_path import error_at
from functions.mdms.list_columns import Fault
from functions.mdms.reading_schema import Reading
from functions.mdms.reason import Reason
from functions.mdms.series_columns import TooManyReadings

NOTHING: Final = Reading(meter_id="", register="", at="1970-01-01T00:00:00Z", value=0)
"""Stands in for a reading that could not be read."""
_INT64: Final = 1 << 63
_one = msgspec.json.Decoder(Reading)


def read_one_by_one(
    raws: Sequence[msgspec.Raw], *, max_readings: int
) -> tuple[list[Reading], dict[int, Fault]]:
    """Return what can be read, stand-ins for the rest, and what is wrong with those, by index.

    Raises:
        TooManyReadings: nothing was read.
    """
    if len(raws) > max_readings:
        raise TooManyReadings(len(raws), max_readings)
    readings: list[Reading] = []
    faults: dict[int, Fault] = {}
    for at, raw in enumerate(raws):
        fault: Fault | None
        try:
            reading, fault = repaired(_one.decode(raw))
        except msgspec.ValidationError as error:
            reading = NOTHING
            fault = Reason.MALFORMED_READING, error_at(error, f"$.readings[{at}]")
        if fault is not None:
            faults[at] = fault
        readings.append(reading)
    return readings, faults


def repaired(reading: Reading) -> tuple[Reading, Fault | None]:
    """The reading with numbers of 64 bits, and what is wrong if its value was not one.

    A quality that no byte and a length that no day holds are left to their own rules to find.
    """
    if not 0 <= reading.quality <= 255:
        reading.quality = -1
    if reading.interval_s is not UNSET and not -_INT64 <= reading.interval_s < _INT64:
        reading.interval_s = -1
    if -_INT64 <= reading.value < _INT64:
        return reading, None
    reading.value = 0
    return reading, (Reason.VALUE_RANGE, None)
