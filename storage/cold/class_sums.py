"""Sums of meters' final values by class of slot, computed from blocks and tail as they are read.

A class is whatever the caller says of a slot: a time-of-use period, an hour, a month. PostgreSQL
hands blocks over a few thousand at a time, and gathers the next ones while these are added up.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

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
_PLACE: Final = np.dtype([("meter", ">i4"), ("day", ">i4"), ("length", ">i4")])
# Both aggregates see the rows in one order.
_BLOCKS: Final = """
    SELECT interval_s,
        string_agg(int4send((n - 1)::int) || int4send(day) || int4send(octet_length(body)), '')
            AS places,
        string_agg(body, '') AS bodies
    FROM unnest($1::text[]) WITH ORDINALITY AS k (meter_id, n) JOIN blocks USING (meter_id)
    WHERE register = $2 AND day BETWEEN $3 AND $4
    GROUP BY interval_s
"""
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
        self.total = np.zeros((meters, count), dtype=np.int64)
        self.present: defaultdict[int, NDArray[np.int64]] = defaultdict(
            lambda: np.zeros((meters, count), dtype=np.int64)
        )

    def add(self, row: asyncpg.Record, first: int, merged: set[tuple[int, int, int]]) -> None:
        """Add the blocks of a row of `_BLOCKS` but those in `merged` (meter, day, interval).

        `first` is the place of the first of the meters that were asked for.
        """
        interval_s: int = row["interval_s"]
        where = np.frombuffer(row["places"], dtype=_PLACE)
        meter = where["meter"].astype(np.int64) + first
        day = where["day"].astype(np.int64)
        counted = np.ones(len(where), dtype=np.bool_)
        if merged:
            pairs = zip(meter.tolist(), day.tolist(), strict=True)
            counted[:] = [(one, at, interval_s) not in merged for one, at in pairs]
        weights, present = self._weights_of(interval_s), self.present[interval_s]
        lengths = where["length"].astype(np.int64)
        for opened in open_final_planes(row["bodies"], lengths, slots=DAY_S // interval_s):
            kept = opened.take(np.flatnonzero(counted[opened.block]))
            rows = kept.take(np.argsort(day[kept.block], kind="stable"))
            numbers, begins = np.unique(day[rows.block] - self._days.start, return_index=True)
            ends = [*begins[1:].tolist(), len(rows.block)][: len(begins)]
            for number, begin, end in zip(numbers.tolist(), begins.tolist(), ends, strict=True):
                of_day = rows.take(slice(begin, end))
                # A meter has one block of a length a day: no place is named twice.
                self.total[meter[of_day.block]] += of_day.sums(weights[number])
                present[meter[of_day.block]] += of_day.present(weights[number])

    def add_slots(self, meter: int, key: BlockKey, slots: NDArray[np.void]) -> None:
        """Add one block that was merged with the tail."""
        known = (slots["flags"] & PRESENT) != 0
        weights = self._weights_of(key.interval_s)[key.day - self._days.start].astype(np.int64)
        self.total[meter] += np.where(known, slots["final"], 0).astype(np.int64) @ weights
        self.present[key.interval_s][meter] += known.astype(np.int64) @ weights

    def _weights_of(self, interval_s: int) -> NDArray[np.float32]:
        """(days, slots, classes) of 0 and 1."""
        if interval_s not in self._weights:
            of_slot = self._classes(interval_s)[:, :, None]
            self._weights[interval_s] = (of_slot == np.arange(self._count)).astype(np.float32)
        return self._weights[interval_s]


async def _add_merged(
    connection: Connection, work: _Sums, meters: Sequence[str], *, register: str, days: range
) -> set[tuple[int, int, int]]:
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
    merged: set[tuple[int, int, int]],
    *,
    register: str,
    days: range,
) -> None:
    at_once = max(1, _BLOCKS_AT_ONCE // len(days))
    adding: asyncio.Future[None] | None = None
    try:
        for first in range(0, len(meters), at_once):
            some = list(meters[first : first + at_once])
            rows = await connection.fetch(_BLOCKS, some, register, days[0], days[-1])
            if adding is not None:
                await adding
            adding = asyncio.ensure_future(asyncio.to_thread(_add_rows, work, rows, first, merged))
    finally:
        if adding is not None:
            await adding


def _add_rows(
    work: _Sums, rows: list[asyncpg.Record], first: int, merged: set[tuple[int, int, int]]
) -> None:
    for row in rows:
        work.add(row, first, merged)


def _groups(keys: list[BlockKey], size: int) -> Iterator[list[BlockKey]]:
    return (keys[at : at + size] for at in range(0, len(keys), size))
