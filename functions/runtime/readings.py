"""Interval readings of one meter and register, as a function gets them: arrays and records."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.model.block import PRESENT, SLOT, BlockKey
from storage.model.runs import DAY_S

MAX_DAYS: Final = 400
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class UnknownMeter(LookupError):
    """The registry of this zone knows no such meter, or not with this register."""


class BadPeriod(ValueError):
    """The period is empty, before 1970, without a time zone, or longer than `MAX_DAYS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One interval: `start` is aware UTC, `value` whole units of its register (Wh for energy)."""

    start: datetime
    interval_s: int
    value: int
    quality: int
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """The intervals that start in [begin, end), one entry each in every array.

    `start` is datetime64[s] in UTC; `value`, `quality` (Green Button codes) and `revision` (how
    often it was corrected) mean something only where `present` is true. Iterating gives a
    `Reading` for each interval that is present.
    """

    meter_id: str
    register: str
    interval_s: int
    start: NDArray[np.datetime64]
    value: NDArray[np.int32]
    present: NDArray[np.bool_]
    quality: NDArray[np.uint8]
    revision: NDArray[np.uint16]

    def __len__(self) -> int:
        """The number of intervals, present or not."""
        return len(self.start)

    def __iter__(self) -> Iterator[Reading]:
        """Give the intervals that are present, in order of time."""
        for at in np.flatnonzero(self.present).tolist():
            yield Reading(
                start=self.start[at].item().replace(tzinfo=UTC),
                interval_s=self.interval_s,
                value=int(self.value[at]),
                quality=int(self.quality[at]),
                revision=int(self.revision[at]),
            )

    @property
    def total(self) -> int:
        """The sum of the values that are present."""
        return int(self.value[self.present].sum(dtype=np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Intervals `first` up to `last` (excluded) of a register, counted since 1970."""

    meter_id: str
    register: str
    interval_s: int
    first: int
    last: int

    def block_keys(self) -> list[BlockKey]:
        """The stored blocks that hold it, by day."""
        days = range(
            self.first * self.interval_s // DAY_S, -(-self.last * self.interval_s // DAY_S)
        )
        return [BlockKey(self.meter_id, self.register, day, self.interval_s) for day in days]

    def readings(self, blocks: Mapping[BlockKey, NDArray[np.void]]) -> Readings:
        """Lay the blocks' slots out; what no block holds is absent."""
        slots = np.zeros(self.last - self.first, dtype=SLOT)
        for key, block in blocks.items():
            begin = key.day * key.slots - self.first
            low, high = max(begin, 0), min(begin + key.slots, len(slots))
            slots[low:high] = block[low - begin : high - begin]
        seconds = np.arange(self.first, self.last, dtype=np.int64) * self.interval_s
        return Readings(
            meter_id=self.meter_id,
            register=self.register,
            interval_s=self.interval_s,
            start=seconds.astype("datetime64[s]"),
            value=slots["final"].copy(),
            present=(slots["flags"] & PRESENT) != 0,
            quality=slots["quality"].copy(),
            revision=slots["revision"].astype(np.uint16),
        )


def period_of(
    *, meter_id: str, register: str, interval_s: int, begin: datetime, end: datetime
) -> Period:
    """Return the intervals that start in [begin, end).

    Raises:
        BadPeriod: see there.
    """
    if begin.tzinfo is None or end.tzinfo is None:
        raise BadPeriod("instants need a time zone: datetime(..., tzinfo=UTC)")
    if not _EPOCH <= begin < end:
        raise BadPeriod("the end must be after the beginning, and that not before 1970")
    if end - begin > timedelta(days=MAX_DAYS):
        raise BadPeriod(f"at most {MAX_DAYS} days are read at a time")
    length = timedelta(seconds=interval_s)
    # The first interval that starts at or after the instant.
    first, last = (-((_EPOCH - instant) // length) for instant in (begin, end))
    return Period(
        meter_id=meter_id, register=register, interval_s=interval_s, first=first, last=last
    )
