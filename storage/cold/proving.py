"""What the record answers to zones: blocks, proofs that it has them, and their history."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from storage.cold import reading
from storage.cold.pool import Connection, Pool, transaction
from storage.model.block import BlockKey
from storage.model.block_proof import digest_of
from storage.model.event_block import EventKey
from storage.model.quality import CLASS_OF_QUALITY
from storage.model.recall import Answer, HistoryAnswer, Proof, ProofAnswer, Question, Recalled
from storage.model.revision import Revision
from storage.model.runs import DAY_S

WITHIN_S: Final = 20.0
OPEN_EXCEPTION: Final = "open-exception"
_AS_OF: Final = "SELECT coalesce(max(sequence), 0) FROM uplink_position"
_UNCLOSED: Final = """
    SELECT DISTINCT k.n - 1 FROM unnest($1::text[], $2::text[], $3::int[], $4::int[])
        WITH ORDINALITY AS k (meter_id, register, day, interval_s, n)
    JOIN exceptions e USING (meter_id, register, day, interval_s) WHERE e.state <> 'closed'
"""
K = TypeVar("K", BlockKey, EventKey)
Past = tuple[int, int, int]


async def recall(pool: Pool, question: Question, *, zone: str) -> Answer:
    """Give the blocks that exist, blocks and tail merged, all at one instant of the record.

    Raises:
        BlockDamaged: a stored block is unreadable.
        StoreUnavailable: no answer before the deadline.
    """
    keys, events = question.block_keys(), question.event_keys()
    async with transaction(pool, within_s=WITHIN_S, snapshot=True) as connection:
        as_of_us = await _as_of(connection)
        blocks = await reading.read_blocks(connection, keys)
        found = await reading.read_events(connection, events)
    return Answer(
        zone=zone,
        as_of_us=as_of_us,
        blocks=_told(keys, blocks, zone, as_of_us),
        events=_told(events, found, zone, as_of_us),
    )


async def prove(pool: Pool, question: Question, *, zone: str) -> ProofAnswer:
    """Give a digest of each block, and why it should stay hot; errors as `recall`."""
    keys, events = question.block_keys(), question.event_keys()
    async with transaction(pool, within_s=WITHIN_S, snapshot=True) as connection:
        as_of_us = await _as_of(connection)
        blocks = await reading.read_blocks(connection, keys)
        found = await reading.read_events(connection, events)
        kept = await _unclosed(connection, keys)
        kept_events = await _unclosed(connection, events)
    return ProofAnswer(
        zone=zone,
        as_of_us=as_of_us,
        blocks=_proofs(keys, blocks, kept),
        events=_proofs(events, found, kept_events),
    )


async def history(pool: Pool, question: Question) -> HistoryAnswer:
    """Give every version of the blocks that does not count now; errors as `recall`."""
    keys, events = question.block_keys(), question.event_keys()
    async with transaction(pool, within_s=WITHIN_S, snapshot=True) as connection:
        past: dict[int, list[Past]] = {}
        for at, key in enumerate(keys):
            versions = await reading.read_revisions(connection, [key], [])
            past[at] = [_past(one, DAY_S // key.slots) for one in versions]
        past_events: dict[int, list[Past]] = {}
        for at, event in enumerate(events):
            versions = await reading.read_revisions(connection, [], [event])
            past_events[at] = [_past(one, 1) for one in versions]
    return HistoryAnswer(blocks=past, events=past_events)


async def _as_of(connection: Connection) -> int:
    return int(await connection.fetchval(_AS_OF))


async def _unclosed(connection: Connection, keys: Sequence[BlockKey | EventKey]) -> set[int]:
    columns = defaultdict[str, list[object]](list)
    for key in keys:
        for name in ("meter_id", "register", "day", "interval_s"):
            columns[name].append(getattr(key, name))
    if not keys:
        return set()
    return {row[0] for row in await connection.fetch(_UNCLOSED, *columns.values())}


def _told(
    keys: Sequence[K], found: dict[K, NDArray[np.void]], zone: str, as_of_us: int
) -> list[Recalled]:
    return [
        Recalled(at, found[key].tobytes(), zone, "cold", as_of_us)
        for at, key in enumerate(keys)
        if key in found
    ]


def _proofs(keys: Sequence[K], found: dict[K, NDArray[np.void]], kept: set[int]) -> list[Proof]:
    return [
        Proof(
            digest_of(found[key]) if key in found else b"", [OPEN_EXCEPTION] if at in kept else []
        )
        for at, key in enumerate(keys)
    ]


def _past(version: Revision, slot_s: int) -> Past:
    level = int(CLASS_OF_QUALITY[version.quality])
    return version.at % DAY_S // slot_s, version.value, level
