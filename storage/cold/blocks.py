"""A tenant's blocks and revisions log in PostgreSQL, many at a time in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storage.cold.codec import BlockCodec
from storage.cold.pool import Connection
from storage.model.block import BlockKey, RecordBlock, Versions, merge

_FETCH = """
    SELECT n - 1 AS place, body
    FROM unnest($1::text[], $2::text[], $3::int[], $4::int[])
        WITH ORDINALITY AS k (meter_id, register, day, interval_s, n)
    JOIN blocks USING (meter_id, register, day, interval_s)
"""
_UPSERT = """
    INSERT INTO blocks (meter_id, register, day, interval_s, present, body)
    SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::smallint[], $6::bytea[])
    ON CONFLICT (meter_id, register, day, interval_s)
    DO UPDATE SET present = excluded.present, body = excluded.body
"""
_LOG = """
    INSERT INTO revisions
        (meter_id, register, day, interval_s, slot, value, quality, sequence, edge)
    SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::int[],
        $5::smallint[], $6::int[], $7::smallint[], $8::bigint[], $9::text[])
    ON CONFLICT DO NOTHING
    RETURNING meter_id, register, day, interval_s, slot
"""
_LOGGED = """
    SELECT n - 1 AS place, slot, sequence, edge
    FROM unnest($1::text[], $2::text[], $3::int[], $4::int[])
        WITH ORDINALITY AS k (meter_id, register, day, interval_s, n)
    JOIN revisions USING (meter_id, register, day, interval_s)
"""
_MAX_REVISION = 65_535


@dataclass(frozen=True, slots=True)
class Update:
    """Blocks as they will be, one after another in the order of `keys`, and what they replaced."""

    keys: Sequence[BlockKey]
    blocks: RecordBlock
    replaced: Versions


async def fetch_bodies(
    connection: Connection, keys: Sequence[BlockKey]
) -> tuple[NDArray[np.int64], list[bytes]]:
    """Places in `keys` of the blocks that exist, and their bodies."""
    rows = await connection.fetch(_FETCH, *_key_columns(keys))
    return np.array([row[0] for row in rows], dtype=np.int64), [row[1] for row in rows]


def take_in(
    *,
    keys: Sequence[BlockKey],
    places: NDArray[np.int64],
    bodies: Sequence[bytes],
    versions: Versions,
    edges: tuple[str, ...],
) -> Update:
    """Merge `versions`, whose slots count through `keys` and whose edges index `edges`.

    Raises:
        BlockDamaged: a stored body is unreadable.
    """
    slots = keys[0].slots
    held = BlockCodec(slots).decode(bodies)
    names = tuple(sorted({*edges, *held.edges}))
    blocks = RecordBlock.empty(len(keys) * slots, names)
    if len(bodies):
        at = (places[:, None] * slots + np.arange(slots)).reshape(-1)
        held = held.with_edges(names)
        for column in ("slots", "sequence", "edge", "raw_sequence", "raw_edge"):
            getattr(blocks, column)[at] = getattr(held, column)
    index = np.array([names.index(edge) for edge in edges] or [0], dtype=np.uint8)
    return Update(keys, *merge(blocks, replace(versions, edge=index[versions.edge])))


async def log_replaced(connection: Connection, update: Update) -> Update:
    """Append what was replaced to the log; count what is new there into the slots' revision."""
    replaced, slots = update.replaced, update.keys[0].slots
    if not len(replaced):
        return update
    owner = [update.keys[place] for place in (replaced.slot // slots).tolist()]
    rows = await connection.fetch(
        _LOG,
        *_key_columns(owner),
        (replaced.slot % slots).tolist(),
        replaced.value.tolist(),
        replaced.quality.tolist(),
        replaced.sequence.tolist(),
        [update.blocks.edges[edge] for edge in replaced.edge.tolist()],
    )
    place = {key: index for index, key in enumerate(update.keys)}
    logged = [place[BlockKey(*row[:4])] * slots + row[4] for row in map(tuple, rows)]
    return count_revisions(update, np.array(logged, dtype=np.int64))


async def unlogged(connection: Connection, update: Update) -> NDArray[np.int64]:
    """Slots (counting through the blocks) of the replaced versions that the log lacks."""
    replaced, slots = update.replaced, update.keys[0].slots
    if not len(replaced):
        return np.zeros(0, dtype=np.int64)
    rows = await connection.fetch(_LOGGED, *_key_columns(update.keys))
    logged = {(row[0] * slots + row[1], row[2], row[3]) for row in rows}
    names = update.blocks.edges
    edges = [names[edge] for edge in replaced.edge.tolist()]
    stamps = zip(replaced.slot.tolist(), replaced.sequence.tolist(), edges, strict=True)
    return np.array([slot for slot, _, _ in set(stamps) - logged], dtype=np.int64)


def count_revisions(update: Update, slots: NDArray[np.int64]) -> Update:
    """Raise the revision of each slot by the number of times that it stands in `slots`."""
    cells = update.blocks.slots.copy()
    added = np.bincount(slots, minlength=len(cells))
    cells["revision"] = np.minimum(cells["revision"] + added, _MAX_REVISION)
    return replace(update, blocks=replace(update.blocks, slots=cells))


def seal_blocks(update: Update) -> tuple[list[int], list[bytes]]:
    """Number of present slots and body of every block."""
    slots = update.keys[0].slots
    present = update.blocks.present.reshape(-1, slots).sum(axis=1).tolist()
    return present, BlockCodec(slots).encode(update.blocks)


async def upsert_bodies(
    connection: Connection, keys: Sequence[BlockKey], present: list[int], bodies: list[bytes]
) -> None:
    """Write the blocks of `keys`, new or not."""
    await connection.execute(_UPSERT, *_key_columns(keys), present, bodies)


def _key_columns(keys: Sequence[BlockKey]) -> tuple[list[str], list[str], list[int], list[int]]:
    return (
        [key.meter_id for key in keys],
        [key.register for key in keys],
        [key.day for key in keys],
        [key.interval_s for key in keys],
    )
