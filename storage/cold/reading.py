"""Reading the record: blocks and tail merged, in the caller's snapshot."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.cold import folding
from storage.cold.block_rows import LoggedVersion, versions_of
from storage.cold.gather import Gathered, chunk_blocks, gather_events, gather_runs
from storage.cold.pool import Connection
from storage.cold.shelf import EVENTS, SLOTS, K, Shelf, Update
from storage.cold.tail import OpenEntry
from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.revision import Revision
from storage.model.runs import DAY_S

_ROWS_AT_ONCE: Final = 32
_TAIL_OF_DAYS: Final = "SELECT body FROM tail WHERE first_day <= $2 AND last_day >= $1 ORDER BY id"
_Read = tuple[Update[K], set[LoggedVersion]]


async def read_blocks(
    connection: Connection, keys: Sequence[BlockKey]
) -> dict[BlockKey, NDArray[np.void]]:
    """The slots of the blocks that exist."""
    tail = gather_runs(await read_tail(connection, keys))
    return await _held(connection, SLOTS, keys, tail)


async def read_events(
    connection: Connection, keys: Sequence[EventKey]
) -> dict[EventKey, NDArray[np.void]]:
    """The events of the blocks that exist."""
    tail = gather_events(await read_tail(connection, keys))
    return await _held(connection, EVENTS, keys, tail)


async def read_revisions(
    connection: Connection, blocks: Sequence[BlockKey], events: Sequence[EventKey]
) -> list[Revision]:
    """The versions that do not count now, of the log and of what the fold will log."""
    tail = await read_tail(connection, [*blocks, *events])
    found = await _revisions(connection, SLOTS, blocks, gather_runs(tail))
    found += await _revisions(connection, EVENTS, events, gather_events(tail))
    return sorted(found)


async def _held(
    connection: Connection, shelf: Shelf[K], keys: Sequence[K], tail: Gathered[K]
) -> dict[K, NDArray[np.void]]:
    found: dict[K, NDArray[np.void]] = {}
    async for update, waiting in _merged(connection, shelf, keys, tail):
        if waiting:
            waiting -= set(await shelf.rows.logged(connection, update.keys))
        places = [version.place for version in waiting]
        found |= update.counted(np.array(places, dtype=np.int64)).held()
    return found


async def _revisions(
    connection: Connection, shelf: Shelf[K], keys: Sequence[K], tail: Gathered[K]
) -> list[Revision]:
    found = []
    async for update, waiting in _merged(connection, shelf, keys, tail):
        slots = update.keys[0].slots
        for version in waiting.union(await shelf.rows.logged(connection, update.keys)):
            key = update.keys[version.place // slots]
            # A slot is an interval, or a second of the day.
            second = version.place % slots * (DAY_S // slots)
            found.append(
                Revision(
                    at=key.day * DAY_S + second,
                    interval_s=key.interval_s,
                    sequence=version.sequence,
                    edge=version.edge,
                    value=version.value,
                    quality=version.quality,
                )
            )
    return found


async def _merged(
    connection: Connection, shelf: Shelf[K], keys: Sequence[K], tail: Gathered[K]
) -> AsyncIterator[_Read[K]]:
    """Blocks of one interval length at a time, and what they replaced, logged or not."""
    by_interval: defaultdict[int, list[K]] = defaultdict(list)
    for key in dict.fromkeys(keys):
        by_interval[key.interval_s].append(key)
    for every in by_interval.values():
        size = chunk_blocks(every[0])
        for group in (every[at : at + size] for at in range(0, len(every), size)):
            places, bodies = await shelf.rows.fetch(connection, group)
            update = shelf.take_in(
                keys=group,
                places=places,
                bodies=bodies,
                versions=tail.of(group),
                edges=tail.edges,
            )
            yield update, set(versions_of(update.replaced, update.edges))


async def read_tail(connection: Connection, keys: Sequence[BlockKey | EventKey]) -> list[OpenEntry]:
    """The entries of the tail with what they hold of the keys' meters and days."""
    if not keys:
        return []
    meters = frozenset(key.meter_id for key in keys)
    first_day, last_day = min(key.day for key in keys), max(key.day for key in keys)
    cursor = await connection.cursor(_TAIL_OF_DAYS, first_day, last_day)
    found = []
    while rows := await cursor.fetch(_ROWS_AT_ONCE):
        found += await asyncio.to_thread(
            folding.open_wanted,
            [row["body"] for row in rows],
            meters=meters,
            first_day=first_day,
            last_day=last_day,
        )
    return found
