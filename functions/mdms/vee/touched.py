"""Which blocks a number of batches has touched, and where: what has to be validated again."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from storage.model.runs import RunBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """Meters of which slots `first` to `last`, both included, of one UTC day were written.

    `first` and `last` are (meters,); no meter is named twice.
    """

    register: str
    interval_s: int
    day: int
    meters: list[str]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def take(self, chosen: NDArray[np.intp]) -> "Touched":
        """Those of the meters at `chosen` only."""
        return Touched(
            register=self.register,
            interval_s=self.interval_s,
            day=self.day,
            meters=[self.meters[at] for at in chosen.tolist()],
            first=self.first[chosen],
            last=self.last[chosen],
        )


_Part = tuple[list[str], NDArray[np.int64], NDArray[np.int64]]


def touched_blocks(batches: Iterable[tuple[RunBatch, NDArray[np.bool_]]]) -> list[Touched]:
    """What batches, each with the mask of the readings that it excludes, have touched.

    By register, interval length and day; days apart are not joined, so that a late reading costs
    its own surroundings only.
    """
    parts: defaultdict[tuple[str, int, int], list[_Part]] = defaultdict(list)
    for batch, excluded in batches:
        first = batch.run_slot.astype(np.int64)
        last = first + batch.run_length - 1
        day, interval_s = batch.run_day.astype(np.int64), batch.run_interval_s.astype(np.int64)
        kept = np.arange(batch.runs)
        if excluded.any():
            taken = np.add.reduceat(~excluded, batch.offsets[:-1]) if batch.runs else kept
            kept = np.flatnonzero(taken)
        code = (day << 25) | (interval_s << 8) | batch.run_register
        for one in np.unique(code[kept]).tolist():
            runs = kept if (code[kept] == one).all() else kept[code[kept] == one]
            if len(batch.meters) == len(runs) and (np.diff(batch.run_meter[runs]) > 0).all():
                names = batch.meters
            else:
                names = [batch.meters[at] for at in batch.run_meter[runs].tolist()]
            key = batch.registers[one & 0xFF], (one >> 8) & 0x1FFFF, one >> 25
            parts[key].append((names, first[runs], last[runs]))
    return [_joined(key, of_key) for key, of_key in sorted(parts.items())]


def newest_end_s(batches: Iterable[RunBatch]) -> int:
    """The end of the newest interval of the batches, in seconds since 1970; 0 without any."""
    ends = [
        int((batch.run_start + batch.run_length.astype(np.int64) * batch.run_interval_s).max())
        for batch in batches
        if batch.runs
    ]
    return max(ends, default=0)


def _joined(key: tuple[str, int, int], parts: list[_Part]) -> Touched:
    register, interval_s, day = key
    every = dict.fromkeys(chain.from_iterable(names for names, _, _ in parts))
    first = np.concatenate([part[1] for part in parts])
    last = np.concatenate([part[2] for part in parts])
    if len(every) < len(first):
        place = dict(zip(every, range(len(every)), strict=True))
        named = chain.from_iterable(names for names, _, _ in parts)
        which = np.fromiter(map(place.__getitem__, named), dtype=np.int64, count=len(first))
        lowest = np.full(len(every), np.iinfo(np.int64).max)
        highest = np.full(len(every), -1, dtype=np.int64)
        np.minimum.at(lowest, which, first)
        np.maximum.at(highest, which, last)
        first, last = lowest, highest
    return Touched(
        register=register,
        interval_s=interval_s,
        day=day,
        meters=list(every),
        first=first,
        last=last,
    )
