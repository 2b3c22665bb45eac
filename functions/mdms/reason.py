"""Why a reading is rejected: the codes inside, the slugs and sentences on the wire."""

from enum import IntEnum
from typing import Final


class Reason(IntEnum):
    """Code of a rejection in the reason columns; 0 means none."""

    NONE = 0
    MALFORMED_SERIES = 1
    WRONG_TYPE = 2
    UNKNOWN_METER = 3
    UNKNOWN_REGISTER = 4
    INTERVAL_SIZE = 5
    SUB_SECOND = 6
    FUTURE = 7
    STALE = 8
    VALUE_RANGE = 9
    NEGATIVE_CONSUMPTION = 10
    UNKNOWN_QUALITY = 11
    REPEATED = 12
    MALFORMED_READING = 13
    BEYOND_DIALS = 14

    @property
    def slug(self) -> str:
        """The stable name that clients see."""
        return self.name.lower().replace("_", "-")


DETAIL: Final = {
    Reason.MALFORMED_SERIES: "the series cannot be understood",
    Reason.WRONG_TYPE: "the reading is not of the type its column has",
    Reason.UNKNOWN_METER: "the meter is not in the registry",
    Reason.UNKNOWN_REGISTER: "the registry knows no such register of this meter",
    Reason.INTERVAL_SIZE: "the interval length is not the one in the registry",
    Reason.SUB_SECOND: "the instant is not a whole second",
    Reason.FUTURE: "the interval has not ended yet, or the register is read in the future",
    Reason.STALE: "the reading is older than this tenant accepts",
    Reason.VALUE_RANGE: "the value does not fit its bits: 32 of an interval, 64 of a register",
    Reason.NEGATIVE_CONSUMPTION: "energy in one direction cannot be negative",
    Reason.UNKNOWN_QUALITY: "the quality is not a known Green Button QualityOfReading",
    Reason.REPEATED: "the body names this interval or instant too often",
    Reason.MALFORMED_READING: "the reading cannot be understood",
    Reason.BEYOND_DIALS: "the register rolls over before this value",
}
