"""Sums of meters' final values by class of slot, computed from blocks and tail as they are read.

A class is whatever the caller says of a slot: a time-of-use period, an hour, a month. PostgreSQL
hands blocks over a few thousand at a time, and gathers the next ones while these are added up.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final, TypeAlias

import asyncpg
import numpy as np
from numpy.typing import NDArray

from storage.cold.final_planes import open_final_planes
from storage.cold.gather import gather_runs
from storage.cold.pool import Connection, Pool, transaction
from storage.cold.reading import read_blocks, read_tail
from storage.model.block import PRESENT, BlockKey
from storage.model.runs import DAY_S

SUMS_TIMEOUT_S: Final = 25.0
_BLOCKS_AT_ONCE: Final = 4_096
_ADDING_AT_ONCE: Final = 2
_DAY_BITS: Final = 20
# Meter by meter by its key, also where the planner would rather look at every block there is
# (that is what OFFSET 0 is for); one number says place and day, as each column costs its time.
_BLOCKS: Final = f"""
    SELECT interval_s, ((n - 1) << {_DAY_BITS}) | (day - $3), body
    FROM unnest($1::text[]) WITH ORDINALITY AS k (meter_id, n) CROSS JOIN LATERAL (
        SELECT day, interval_s, body FROM blocks
        WHERE blocks.meter_id = k.meter_id AND register = $2 AND day BETWEEN $3 AND $4 OFFSET 0
    ) AS held
"""
_Place: TypeAlias = tuple[int, int, int]
"""A meter's place among those asked for, a day, and an interval length."""
Classes = Callable[[int], NDArray[np.int8]]
"""For an interval length in seconds: the class of each slot of each day, (days, slots).

-1: of none. Days are those of `class_sums`, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSums:
    """Columns of (meters, classes) int64: sums of the final values, and how many there were.

    `present` is by interval length, as each has numbers of its own.
    """

    total: NDArray[np.int64]
    present: dict[int, NDArray[np.int64]]


class PostgresClassSums:
    """Sums over a tenant's record."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def class_sums(
        self,
        meters: Sequence[str],
        *,
        register: str,
        days: range,
        classes: Classes,
        count: int,
    ) -> ClassSums:
        """Add up the final values of `meters` (distinct) on `days` (UTC, since 1970) by class.

        `count` is the number of classes. All is as of one instant.

        Raises:
            BlockDamaged: a stored block is unreadable.
            StoreUnavailable: no answer before the deadline.
        """
        work = _Sums(len(meters), days=days, classes=classes, count=count)
        async with transaction(self._pool, within_s=SUMS_TIMEOUT_S, snapshot=True) as connection:
            merged = await _add_merged(connection, work, meters, register=register, days=days)
            await _add_blocks(connection, work, meters, merged, register=register, days=days)
        return ClassSums(total=work.total, present=dict(work.present))


class _Sums:
    def __init__(self, meters: int, *, days: range, classes: Classes, count: int) -> None:
        self._days = days
        self._classes = classes
        self._count = count
        self._weights: dict[int, NDArray[np.float32]] = {}
        self._making = Lock()
        self.total = np.zeros((meters, count), dtype=np.int64)
        self.present: dict[int, NDArray[np.int64]] = {}

    def add(self, rows: list[asyncpg.Record], first: int, merged: set[_Place]) -> None:
        """Add the blocks of rows of `_BLOCKS` but those in `merged`.

        `first` is the place of the first of the meters that were asked for. Threads may add at the
        same time what is of different meters.
        """
        lengths = [row[0] for row in rows]
        for interval_s in set(lengths):
            of_length = rows
            if lengths.count(interval_s) != len(rows):
                of_length = [row for row in rows if row[0] == interval_s]
            where = np.array([row[1] for row in of_length], dtype=np.int64)
            meter, day = (where >> _DAY_BITS) + first, where & ((1 << _DAY_BITS) - 1)
            bodies = [row[2] for row in of_length]
            if merged:
                pairs = zip(meter.tolist(), day.tolist(), strict=True)
                kept = [
                    at
                    for at, (one, number) in enumerate(pairs)
                    if (one, number + self._days.start, interval_s) not in merged
                ]
                meter, day, bodies = meter[kept], day[kept], [bodies[at] for at in kept]
            self._add_bodies(interval_s, meter, day, bodies)

    def _add_bodies(
        self,
        interval_s: int,
        meter: NDArray[np.int64],
        day: NDArray[np.int64],
        bodies: list[bytes],
    ) -> None:
        weights, present = self._of_length(interval_s)
        for opened in open_final_planes(bodies, slots=DAY_S // interval_s):
            rows = opened.take(np.argsort(day[opened.block], kind="stable"))
            numbers, begins = np.unique(day[rows.block], return_index=True)
            ends = [*begins[1:].tolist(), len(rows.block)]
            for number, begin, end in zip(numbers.tolist(), begins.tolist(), ends, strict=True):
                of_day = rows.take(slice(begin, end))
                # A meter has one block of a length a day: no place is named twice.
                self.total[meter[of_day.block]] += of_day.sums(weights[number])
                present[meter[of_day.block]] += of_day.present(weights[number])

    def add_slots(self, meter: int, key: BlockKey, slots: NDArray[np.void]) -> None:
        """Add one block that was merged with the tail."""
        known = (slots["flags"] & PRESENT) != 0
        every, present = self._of_length(key.interval_s)
        weights = every[key.day - self._days.start].astype(np.int64)
        self.total[meter] += np.where(known, slots["final"], 0).astype(np.int64) @ weights
        present[meter] += known.astype(np.int64) @ weights

    def _of_length(self, interval_s: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Weights of 0 and 1, (days, slots, classes), and the numbers of values of that length."""
        with self._making:
            if interval_s not in self._weights:
                of_slot = self._classes(interval_s)[:, :, None]
                self._weights[interval_s] = (of_slot == np.arange(self._count)).astype(np.float32)
                self.present[interval_s] = np.zeros_like(self.total)
            return self._weights[interval_s], self.present[interval_s]


async def _add_merged(
    connection: Connection, work: _Sums, meters: Sequence[str], *, register: str, days: range
) -> set[_Place]:
    """Add the blocks that have versions in the tail; return their meters' places, days, lengths."""
    places = {name: at for at, name in enumerate(meters)}
    bounds = [BlockKey(name, register, days[0], DAY_S) for name in meters[:1]]
    bounds += [BlockKey(name, register, days[-1], DAY_S) for name in meters]
    keys = [
        key
        for key in gather_runs(await read_tail(connection, bounds)).keys
        if key.register == register and key.day in days
    ]
    for some in _groups(keys, _BLOCKS_AT_ONCE):
        for key, slots in (await read_blocks(connection, some)).items():
            work.add_slots(places[key.meter_id], key, slots)
    return {(places[key.meter_id], key.day, key.interval_s) for key in keys}


async def _add_blocks(
    connection: Connection,
    work: _Sums,
    meters: Sequence[str],
    merged: set[_Place],
    *,
    register: str,
    days: range,
) -> None:
    at_once = max(1, _BLOCKS_AT_ONCE // len(days))
    adding: deque[asyncio.Future[None]] = deque()
    try:
        for first in range(0, len(meters), at_once):
            some = list(meters[first : first + at_once])
            rows = await connection.fetch(_BLOCKS, some, register, days[0], days[-1])
            if len(adding) == _ADDING_AT_ONCE:
                await adding.popleft()
            adding.append(asyncio.ensure_future(asyncio.to_thread(work.add, rows, first, merged)))
    finally:
        await asyncio.gather(*adding)


def _groups(keys: list[BlockKey], size: int) -> Iterator[list[BlockKey]]:
    return (keys[at : at + size] for at in range(0, len(keys), size))
