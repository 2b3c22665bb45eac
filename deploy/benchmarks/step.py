"""One step of the ingest benchmark: which readings go in, all of them new."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

INTERVAL_S: Final = 900
DAY_S: Final = 86_400
SLOTS: Final = DAY_S // INTERVAL_S
FIRST_METER: Final = 1
REGISTER: Final = "1-0:1.8.0"
# Far enough back for every step to find room, not so far that a reading is stale; what is filled
# in is older than what is live.
FIRST_DAYS_AGO: Final[Mapping[str, int]] = MappingProxyType({"live": 500, "backfill": 1_000})
SHAPES: Final = tuple(FIRST_DAYS_AGO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`readings` of a fleet of `meters` meters, the ones before `skip` having been sent already.

    `live` goes instant by instant through all meters, `backfill` meter by meter through its day
    and then on to the next day; both begin at `first_s`, midnight UTC in seconds since 1970.
    """

    shape: str
    meters: int
    first_s: int
    skip: int
    readings: int


class Streams:
    """Deals out one side's steps, each going on where the last one of its shape ended."""

    def __init__(self, *, meters: int, now_s: float | None = None) -> None:
        """Begin some hundred days before `now_s` (seconds since 1970, default: now)."""
        self._meters = meters
        self._today = int(time.time() if now_s is None else now_s) // DAY_S
        self._sent = dict.fromkeys(SHAPES, 0)

    def take(self, shape: str, readings: int) -> Step:
        """Return the next `readings` of `shape`, which nobody had before."""
        step = Step(
            shape=shape,
            meters=self._meters,
            first_s=(self._today - FIRST_DAYS_AGO[shape]) * DAY_S,
            skip=self._sent[shape],
            readings=readings,
        )
        self._sent[shape] += readings
        return step


def meter_name(number: int) -> str:
    """The id of a meter of the fleet, by its number from `FIRST_METER`."""
    return f"B{number:06}"
