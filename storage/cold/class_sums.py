"""Sums of meters' final values by class of slot, computed from blocks and tail as they are read.

A class is whatever the caller says of a slot: a time-of-use period, an hour, a month. PostgreSQL
hands over the fronts of some ten thousand blocks at a time, by two connections where there is room,
and gathers the next ones while these are added up.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import asyncpg
import numpy as np
from numpy.typing import NDArray

from storage.cold.codec import BlockDamaged
from storage.cold.final_planes import open_final_planes
from storage.cold.front_rows import FrontRows, Places, Query, front_queries
from storage.cold.gather import gather_runs
from storage.cold.pool import Connection, Pool, transaction
from storage.cold.reading import read_blocks, read_tail
from storage.cold.same_snapshot import sharing_snapshot
from storage.cold.value_front import FrontDamaged, open_fronts, slot_mask
from storage.model.block import PRESENT, BlockKey
from storage.model.runs import DAY_S

SUMS_TIMEOUT_S: Final = 25.0
_MERGED_AT_ONCE: Final = 4_096
_ANY_IN_TAIL: Final = "SELECT EXISTS (SELECT FROM tail WHERE first_day <= $2 AND last_day >= $1)"
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
        work = _Sums(meters, days=days, classes=classes, count=count)
        async with transaction(self._pool, within_s=SUMS_TIMEOUT_S, snapshot=True) as connection:
            merged = await _add_merged(connection, work, meters, register=register, days=days)
            queries = await front_queries(connection, meters, register=register, days=days)
            sharing = sharing_snapshot(connection, self._pool, within_s=SUMS_TIMEOUT_S)
            async with sharing as connections:
                await _add_blocks(connections, work, merged, queries)
        return ClassSums(total=work.total.T, present=work.present)


@dataclass(frozen=True, slots=True)
class _Length:
    """What is known of an interval length: the class of each slot, and how many values there were.

    `masks` are the different days, (kinds, classes, words); `kind` is each day's.
    """

    classes: NDArray[np.int8]
    masks: NDArray[np.uint32]
    kind: NDArray[np.int64]
    present: NDArray[np.int64]

    def weights(self, day: int) -> NDArray[np.float32]:
        """0 and 1 for each slot of a day and each class: (slots, classes)."""
        every = np.arange(self.masks.shape[1])
        found: NDArray[np.float32] = (self.classes[day][:, None] == every).astype(np.float32)
        return found


class _Sums:
    def __init__(self, meters: Sequence[str], *, days: range, classes: Classes, count: int) -> None:
        self._places = Places(meters)
        self._days = days
        self._classes = classes
        self._count = count
        self._lengths: dict[int, _Length] = {}
        # Each class in one stretch.
        self.total = np.zeros((count, len(meters)), dtype=np.int64)

    @property
    def present(self) -> dict[int, NDArray[np.int64]]:
        """How many values there were, by interval length."""
        return {interval_s: one.present.T for interval_s, one in self._lengths.items()}

    def add(self, rows: Iterable[asyncpg.Record], merged: set[_Place], *, first: int) -> None:
        """Add the blocks of the answer to a query, whose days begin with `first`.

        Those in `merged` are left out.

        Raises:
            BlockDamaged: one is unreadable.
        """
        try:
            for row in rows:
                self._add_row(self._places.opened(row, first=first), merged)
        except FrontDamaged as error:
            raise BlockDamaged(str(error)) from error

    def _add_row(self, rows: FrontRows, merged: set[_Place]) -> None:
        stored = np.frombuffer(rows.stored, dtype=np.uint8)
        for interval_s in _distinct(rows.interval_s):
            own = _kept(rows, rows.interval_s == interval_s)
            if merged:
                pairs = zip(own.meter.tolist(), own.day.tolist(), strict=True)
                kept = [
                    (one, day + self._days.start, interval_s) not in merged for one, day in pairs
                ]
                own = own.take(np.array(kept, dtype=np.bool_))
            self._add_fronts(interval_s, _kept(own, own.front), stored)
            self._add_planes(interval_s, _kept(own, ~own.front))

    def _add_fronts(self, interval_s: int, rows: FrontRows, stored: NDArray[np.uint8]) -> None:
        if not len(rows.begin):
            return
        length = self._of_length(interval_s)
        day_kinds = length.kind[rows.day]
        every = _distinct(day_kinds)
        slots = DAY_S // interval_s
        for columns in open_fronts(stored, rows.begin, rows.size, slots=slots):
            for kind in every:
                of_kind = columns
                if len(every) > 1:
                    of_kind = columns.take(np.flatnonzero(day_kinds[columns.block] == kind))
                meter = rows.meter[of_kind.block]
                sums, counts = of_kind.sums(length.masks[kind])
                for number, mask in enumerate(length.masks[kind]):
                    if mask.any():
                        _add_at(self.total[number], meter, sums[number], rows.one_day)
                        _add_at(length.present[number], meter, counts[number], rows.one_day)

    def _add_planes(self, interval_s: int, rows: FrontRows) -> None:
        """Add blocks of the format that has no front."""
        ends = (rows.begin + rows.size).tolist()
        bodies = [rows.stored[a:b] for a, b in zip(rows.begin.tolist(), ends, strict=True)]
        length = self._of_length(interval_s)
        for opened in open_final_planes(bodies, slots=DAY_S // interval_s):
            for day in np.unique(rows.day[opened.block]).tolist():
                weights = length.weights(day)
                # A meter has one block of a length a day: no place is named twice.
                of_day = opened.take(np.flatnonzero(rows.day[opened.block] == day))
                meter = rows.meter[of_day.block]
                self.total[:, meter] += of_day.sums(weights).T
                length.present[:, meter] += of_day.present(weights).T

    def add_slots(self, meter: int, key: BlockKey, slots: NDArray[np.void]) -> None:
        """Add one block that was merged with the tail."""
        known = (slots["flags"] & PRESENT) != 0
        length = self._of_length(key.interval_s)
        weights = length.weights(key.day - self._days.start).astype(np.int64)
        self.total[:, meter] += np.where(known, slots["final"], 0).astype(np.int64) @ weights
        length.present[:, meter] += known.astype(np.int64) @ weights

    def _of_length(self, interval_s: int) -> _Length:
        if interval_s not in self._lengths:
            classes = self._classes(interval_s)
            masks = [slot_mask(classes == number) for number in range(self._count)]
            every = np.stack(masks, axis=1)
            kinds, kind = np.unique(every.reshape(len(every), -1), axis=0, return_inverse=True)
            self._lengths[interval_s] = _Length(
                classes=classes,
                masks=kinds.reshape(-1, *every.shape[1:]),
                kind=kind.reshape(-1),
                present=np.zeros_like(self.total),
            )
        return self._lengths[interval_s]


async def _add_merged(
    connection: Connection, work: _Sums, meters: Sequence[str], *, register: str, days: range
) -> set[_Place]:
    """Add the blocks that have versions in the tail; return their meters' places, days, lengths."""
    if not await connection.fetchval(_ANY_IN_TAIL, days[0], days[-1]):
        return set()
    places = {name: at for at, name in enumerate(meters)}
    bounds = [BlockKey(name, register, days[0], DAY_S) for name in meters[:1]]
    bounds += [BlockKey(name, register, days[-1], DAY_S) for name in meters]
    keys = [
        key
        for key in gather_runs(await read_tail(connection, bounds)).keys
        if key.register == register and key.day in days
    ]
    for some in _groups(keys, _MERGED_AT_ONCE):
        for key, slots in (await read_blocks(connection, some)).items():
            work.add_slots(places[key.meter_id], key, slots)
    return {(places[key.meter_id], key.day, key.interval_s) for key in keys}


async def _add_blocks(
    connections: list[Connection], work: _Sums, merged: set[_Place], queries: list[Query]
) -> None:
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)
    adding = asyncio.Lock()
    waiting = iter(queries)

    async def lane() -> None:
        for query, first, arguments in waiting:
            connection = await free.get()
            rows = await connection.fetch(query, *arguments)
            free.put_nowait(connection)
            if rows:
                async with adding:
                    await asyncio.to_thread(work.add, rows, merged, first=first)

    # One more than connections: somebody adds up while all of these are at work.
    lanes = [asyncio.create_task(lane()) for _ in range(len(connections) + 1)]
    try:
        await asyncio.gather(*lanes)
    finally:
        for one in lanes:
            one.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)


def _add_at(
    target: NDArray[np.int64], at: NDArray[np.int64], values: NDArray[np.int64], once: bool
) -> None:
    """Add `values` at places, each of which is there `once` or may be there again."""
    if once:
        target[at] += values
    else:
        np.add.at(target, at, values)


def _kept(rows: FrontRows, mask: NDArray[np.bool_]) -> FrontRows:
    return rows if mask.all() else rows.take(mask)


def _distinct(numbers: NDArray[np.int64]) -> list[int]:
    """The different numbers; where there is one only, without a sort."""
    if len(numbers) and (numbers == numbers[0]).all():
        return [int(numbers[0])]
    found: list[int] = np.unique(numbers).tolist()
    return found


def _groups(keys: list[BlockKey], size: int) -> Iterator[list[BlockKey]]:
    return (keys[at : at + size] for at in range(0, len(keys), size))
