"""Reading a list one by one: what cannot be read costs itself, and its neighbours nothing."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET

from functions.mdms.error_path import error_at
from functions.mdms.list_columns import Fault
from functions.mdms.reason import Reason
from functions.mdms.schema import Reading
from functions.mdms.series_columns import TooManyReadings

_INT64: Final = 1 << 63
_NOTHING: Final = Reading(meter_id="", register="", at="1970-01-01T00:00:00Z", value=0)
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
        try:
            reading = _within_64_bits(_one.decode(raw))
        except msgspec.ValidationError as error:
            reading = _NOTHING
            faults[at] = (Reason.MALFORMED_READING, error_at(error, f"$.readings[{at}]"))
        if not -_INT64 <= reading.value < _INT64:
            reading.value = 0
            faults[at] = (Reason.VALUE_RANGE, None)
        readings.append(reading)
    return readings, faults


def _within_64_bits(reading: Reading) -> Reading:
    """The reading, its own rules to find what a byte or a day of seconds cannot hold."""
    if not 0 <= reading.quality <= 255:
        reading.quality = -1
    if reading.interval_s is not UNSET and not -_INT64 <= reading.interval_s < _INT64:
        reading.interval_s = -1
    return reading
