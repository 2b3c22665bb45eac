"""Interval readings of one meter and register, as a function gets them: arrays and records."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.model.block import PRESENT, SLOT, BlockKey
from storage.model.interval_lengths import length_periods
from storage.model.meter import Meter
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

    `interval_s` is each one's length: a meter's may have changed within the period. `start` is
    datetime64[s] in UTC; `value`, `quality` (Green Button codes) and `revision` (how often it was
    corrected) mean something only where `present` is true. Iterating gives a `Reading` for each
    interval that is present.
    """

    meter_id: str
    register: str
    start: NDArray[np.datetime64]
    interval_s: NDArray[np.int32]
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
                interval_s=int(self.interval_s[at]),
                value=int(self.value[at]),
                quality=int(self.quality[at]),
                revision=int(self.revision[at]),
            )

    @property
    def total(self) -> int:
        """The sum of the values that are present."""
        return int(self.value[self.present].sum(dtype=np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Intervals `first` up to `last` (excluded) of one length, counted in it since 1970."""

    interval_s: int
    first: int
    last: int

    def days(self) -> range:
        """The UTC days that hold it, counted since 1970."""
        first_s, last_s = self.first * self.interval_s, self.last * self.interval_s
        return range(first_s // DAY_S, -(-last_s // DAY_S))


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What to read of a register: a stretch for each length that the meter has had in it."""

    meter_id: str
    register: str
    stretches: tuple[Stretch, ...]

    def block_keys(self) -> list[BlockKey]:
        """The stored blocks that hold it, by length and day."""
        return [
            BlockKey(self.meter_id, self.register, day, stretch.interval_s)
            for stretch in self.stretches
            for day in stretch.days()
        ]

    def readings(self, blocks: Mapping[BlockKey, NDArray[np.void]]) -> Readings:
        """Lay the blocks' slots out; what no block holds is absent."""
        slots = np.concatenate(
            [np.zeros(0, dtype=SLOT), *(_slots(one, blocks) for one in self.stretches)]
        )
        starts = [np.arange(one.first, one.last) * one.interval_s for one in self.stretches]
        lengths = [one.interval_s for one in self.stretches]
        counts = [one.last - one.first for one in self.stretches]
        return Readings(
            meter_id=self.meter_id,
            register=self.register,
            start=np.concatenate([np.zeros(0, dtype=np.int64), *starts]).astype("datetime64[s]"),
            interval_s=np.repeat(np.array(lengths, dtype=np.int32), counts),
            value=slots["final"].copy(),
            present=(slots["flags"] & PRESENT) != 0,
            quality=slots["quality"].copy(),
            revision=slots["revision"].astype(np.uint16),
        )


def period_of(
    meter: Meter | None, *, meter_id: str, register: str, begin: datetime, end: datetime
) -> Period:
    """Return the intervals that start in [begin, end) of `meter`, as the registry knows it.

    Raises:
        UnknownMeter, BadPeriod: see there.
    """
    if meter is None or register not in meter.registers:
        raise UnknownMeter(f"this zone knows no meter {meter_id!r} with register {register!r}")
    if begin.tzinfo is None or end.tzinfo is None:
        raise BadPeriod("instants need a time zone: datetime(..., tzinfo=UTC)")
    if not _EPOCH <= begin < end:
        raise BadPeriod("the end must be after the beginning, and that not before 1970")
    if end - begin > timedelta(days=MAX_DAYS):
        raise BadPeriod(f"at most {MAX_DAYS} days are read at a time")
    # The first second at or after the instant.
    begin_s, end_s = (-((_EPOCH - instant) // timedelta(seconds=1)) for instant in (begin, end))
    stretches = []
    for one in length_periods(meter):
        until_s = end_s if one.end_s is None else min(end_s, one.end_s)
        first = -(-max(begin_s, one.begin_s) // one.interval_s)
        last = -(-until_s // one.interval_s)
        if first < last:
            stretches.append(Stretch(interval_s=one.interval_s, first=first, last=last))
    return Period(meter_id=meter_id, register=register, stretches=tuple(stretches))


def _slots(stretch: Stretch, blocks: Mapping[BlockKey, NDArray[np.void]]) -> NDArray[np.void]:
    slots = np.zeros(stretch.last - stretch.first, dtype=SLOT)
    for key, block in blocks.items():
        if key.interval_s == stretch.interval_s:
            begin = key.day * key.slots - stretch.first
            low, high = max(begin, 0), min(begin + key.slots, len(slots))
            if low < high:
                slots[low:high] = block[low - begin : high - begin]
    return slots
