"""Readings that were never sent before, as meters and head-ends bring them."""

import random
from collections.abc import Sequence

from tests.e2e.body import Reading
from tests.e2e.versions import DAY_S, FIRST_DAY, INTERVAL_S, Slot, Version

# How many instants wait to be drawn: the draw puts them out of order.
OUT_OF_ORDER = 6
BACKFILL_DAY, LATE_CLOCK_DAY, REGISTER_DAY = FIRST_DAY + 60, FIRST_DAY + 120, FIRST_DAY + 180
LATE_S = 7
QUALITIES = (0, 0, 14, 8)
INTERVAL_VALUES, REGISTER_VALUES = range(1_000_000), range(10**12)


def values_of(slot: Slot) -> range:
    """What a reading of the slot may be: a register shows more than an interval can hold."""
    return INTERVAL_VALUES if slot.interval_s else REGISTER_VALUES


class FirstValues:
    """The readings of one tenant's meters at one edge, each given out once, in series."""

    def __init__(self, *, tenant: str, meters: Sequence[str], draw: random.Random) -> None:
        self._tenant = tenant
        self._meters = list(meters)
        self._draw = draw
        self._instant_s = FIRST_DAY * DAY_S
        self._instants: list[int] = []
        self._backfill_s = dict.fromkeys(self._meters, BACKFILL_DAY * DAY_S)
        self._late_s = dict.fromkeys(self._meters, LATE_CLOCK_DAY * DAY_S + LATE_S)
        self._register_s = REGISTER_DAY * DAY_S

    def live(self) -> list[list[Reading]]:
        """One interval of all meters."""
        while len(self._instants) < OUT_OF_ORDER:
            self._instants.append(self._instant_s)
            self._instant_s += INTERVAL_S
        start_s = self._instants.pop(self._draw.randrange(len(self._instants)))
        return [[self._read(Slot(self._tenant, meter, start_s)) for meter in self._meters]]

    def backfill(self) -> list[list[Reading]]:
        """A stretch of one or two meters, maybe over midnight."""
        meters = self._draw.sample(self._meters, k=self._draw.randint(1, 2))
        return [self._stretch(self._backfill_s, meter, 40) for meter in meters]

    def late_clock(self) -> list[list[Reading]]:
        """A stretch of a meter whose clock is late: on no grid."""
        return [self._stretch(self._late_s, self._draw.choice(self._meters), 12)]

    def registers(self) -> list[list[Reading]]:
        """What the registers of all meters show at an instant."""
        self._register_s += self._draw.randint(1, 20_000)
        return [
            [self._read(Slot(self._tenant, meter, self._register_s, 0)) for meter in self._meters]
        ]

    def _stretch(self, from_s: dict[str, int], meter: str, longest: int) -> list[Reading]:
        length = self._draw.randint(2, longest)
        start_s = from_s[meter]
        from_s[meter] += length * INTERVAL_S
        return [
            self._read(Slot(self._tenant, meter, start_s + n * INTERVAL_S)) for n in range(length)
        ]

    def _read(self, slot: Slot) -> Reading:
        return slot, Version(self._draw.choice(values_of(slot)), self._draw.choice(QUALITIES))
