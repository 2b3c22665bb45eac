"""The record's slots with the stamps of what they hold, and every version that they ever held."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from storage.cold import reading
from storage.cold.block_rows import SLOT_ROWS, LoggedVersion, versions_of
from storage.cold.gather import chunk_blocks, gather_runs
from storage.cold.pool import Connection
from storage.cold.slot_update import SlotUpdate
from storage.model.block import HAS_RAW, BlockKey, RecordBlock
from storage.model.quality import CLASS_OF_QUALITY, QualityClass
from storage.model.runs import DAY_S

_Merged = tuple[SlotUpdate, set[LoggedVersion]]


class Standing(StrEnum):
    """What a version is to its slot now."""

    CURRENT = "current"
    METERED = "metered"
    """The newest actual reading, where an edit counts."""
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True, order=True)
class SlotVersion:
    """One version of the interval that starts at `at`, in seconds since 1970.

    Versions of an interval are ordered by `sequence`, the moment of acknowledgement in
    microseconds since 1970 by the clock of `edge`.
    """

    at: int
    sequence: int
    edge: str
    value: int
    quality: int
    standing: Standing


async def read_records(
    connection: Connection, keys: Sequence[BlockKey]
) -> dict[BlockKey, RecordBlock]:
    """The blocks with their stamps, those of `keys` that exist, blocks and tail merged.

    Raises:
        BlockDamaged: a stored block is unreadable.
    """
    found: dict[BlockKey, RecordBlock] = {}
    async for update, _ in _merged(connection, keys):
        slots = update.keys[0].slots
        for place, key in enumerate(update.keys):
            own = slice(place * slots, (place + 1) * slots)
            if update.record.slots["flags"][own].any():
                found[key] = _part(update.record, own)
    return found


async def read_versions(connection: Connection, keys: Sequence[BlockKey]) -> list[SlotVersion]:
    """Every version of the intervals of `keys`, those that count and those that do not, in order.

    Raises:
        BlockDamaged: a stored block is unreadable.
    """
    found: list[SlotVersion] = []
    async for update, waiting in _merged(connection, keys):
        slots = update.keys[0].slots
        step = DAY_S // slots
        logged = waiting.union(await SLOT_ROWS.logged(connection, update.keys))
        record = update.record
        metered: set[tuple[int, int, str]] = set()
        for place in np.flatnonzero(record.present).tolist():
            cell = record.slots[place]
            at = update.keys[place // slots].day * DAY_S + place % slots * step
            stamp = int(record.sequence[place]), record.edges[int(record.edge[place])]
            found.append(
                SlotVersion(at, *stamp, int(cell["final"]), int(cell["quality"]), Standing.CURRENT)
            )
            if cell["flags"] & HAS_RAW:
                raw = int(record.raw_sequence[place]), record.edges[int(record.raw_edge[place])]
                metered.add((place, *raw))
        for version in logged:
            at = update.keys[version.place // slots].day * DAY_S + version.place % slots * step
            stamp = version.sequence, version.edge
            actual = CLASS_OF_QUALITY[version.quality] == QualityClass.ACTUAL
            newest = actual and (version.place, *stamp) in metered
            standing = Standing.METERED if newest else Standing.REPLACED
            found.append(SlotVersion(at, *stamp, version.value, version.quality, standing))
    return sorted(found)


async def _merged(connection: Connection, keys: Sequence[BlockKey]) -> AsyncIterator[_Merged]:
    """Blocks of one interval length at a time, and what the tail replaces in them."""
    tail = gather_runs(await reading.read_tail(connection, keys))
    by_interval: defaultdict[int, list[BlockKey]] = defaultdict(list)
    for key in dict.fromkeys(keys):
        by_interval[key.interval_s].append(key)
    for every in by_interval.values():
        size = chunk_blocks(every[0])
        for group in (every[at : at + size] for at in range(0, len(every), size)):
            places, bodies = await SLOT_ROWS.fetch(connection, group)
            update = SlotUpdate.of(
                keys=group,
                places=places,
                bodies=bodies,
                versions=tail.of(group),
                edges=tail.edges,
            )
            yield update, set(versions_of(update.replaced, update.edges))


def _part(record: RecordBlock, own: slice) -> RecordBlock:
    return RecordBlock(
        slots=record.slots[own],
        sequence=record.sequence[own],
        edge=record.edge[own],
        raw_sequence=record.raw_sequence[own],
        raw_edge=record.raw_edge[own],
        edges=record.edges,
    )
