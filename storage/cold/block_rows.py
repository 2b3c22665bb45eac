"""Rows of blocks, and of the versions that they replaced, many at a time in one transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.cold.pool import Connection
from storage.model.block import BlockKey, Versions
from storage.model.event_block import EventKey

Key = BlockKey | EventKey
_KEYS: Final = """
    unnest($1::text[], $2::text[], $3::int[], $4::int[])
        WITH ORDINALITY AS k (meter_id, register, day, interval_s, n)
"""
_SAME: Final = "USING (meter_id, register, day, interval_s)"


@dataclass(frozen=True, slots=True)
class LoggedVersion:
    """A version of the revisions log; `place` is its block's index * slots + its slot."""

    place: int
    sequence: int
    edge: str
    value: int
    quality: int


@dataclass(frozen=True, slots=True)
class BlockRows:
    """A table of blocks and the log of what they replaced, of slots or of events.

    Both pairs of tables have the same columns. A slot of an event block is a second of its day.
    """

    blocks: str
    revisions: str

    async def fetch(
        self, connection: Connection, keys: Sequence[Key]
    ) -> tuple[NDArray[np.int64], list[bytes]]:
        """Indexes in `keys` of the blocks that exist, and their bodies."""
        query = f"SELECT n - 1, body FROM {_KEYS} JOIN {self.blocks} {_SAME}"
        rows = await connection.fetch(query, *_columns(keys))
        return np.array([row[0] for row in rows], dtype=np.int64), [row[1] for row in rows]

    async def write(
        self,
        connection: Connection,
        keys: Sequence[Key],
        present: Sequence[int],
        bodies: Sequence[bytes],
    ) -> None:
        """Write the blocks of `keys`, new or not, with their numbers of readings."""
        query = f"""
            INSERT INTO {self.blocks} (meter_id, register, day, interval_s, present, body)
            SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::int[],
                $6::bytea[])
            ON CONFLICT (meter_id, register, day, interval_s)
            DO UPDATE SET present = excluded.present, body = excluded.body
        """
        await connection.execute(query, *_columns(keys), present, bodies)

    async def log(
        self,
        connection: Connection,
        keys: Sequence[Key],
        replaced: Versions,
        edges: tuple[str, ...],
    ) -> NDArray[np.int64]:
        """Append `replaced` to the log; return the place of each version that was not there yet."""
        if not len(replaced):
            return np.zeros(0, dtype=np.int64)
        query = f"""
            INSERT INTO {self.revisions}
                (meter_id, register, day, interval_s, slot, value, quality, sequence, edge)
            SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::int[],
                $5::int[], $6::bigint[], $7::smallint[], $8::bigint[], $9::text[])
            ON CONFLICT DO NOTHING
            RETURNING meter_id, register, day, interval_s, slot
        """
        slots = keys[0].slots
        rows = await connection.fetch(
            query,
            *_columns([keys[index] for index in (replaced.slot // slots).tolist()]),
            (replaced.slot % slots).tolist(),
            replaced.value.tolist(),
            replaced.quality.tolist(),
            replaced.sequence.tolist(),
            [edges[edge] for edge in replaced.edge.tolist()],
        )
        first = {_identity(key): index * slots for index, key in enumerate(keys)}
        places = [first[tuple(row)[:4]] + row[4] for row in rows]
        return np.array(places, dtype=np.int64)

    async def logged(self, connection: Connection, keys: Sequence[Key]) -> list[LoggedVersion]:
        """Every version of the blocks in the log, in no order."""
        query = f"""
            SELECT n - 1, slot, sequence, edge, value, quality
            FROM {_KEYS} JOIN {self.revisions} {_SAME}
        """
        slots = keys[0].slots
        rows = await connection.fetch(query, *_columns(keys))
        return [LoggedVersion(row[0] * slots + row[1], *tuple(row)[2:]) for row in rows]


SLOT_ROWS: Final = BlockRows("blocks", "revisions")
EVENT_ROWS: Final = BlockRows("event_blocks", "event_revisions")


def versions_of(replaced: Versions, edges: tuple[str, ...]) -> Iterator[LoggedVersion]:
    """The versions one by one, as the log would give them."""
    columns = (replaced.slot, replaced.sequence, replaced.edge, replaced.value, replaced.quality)
    for place, sequence, edge, value, quality in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        yield LoggedVersion(place, sequence, edges[edge], value, quality)


def _identity(key: Key) -> tuple[str, str, int, int]:
    return key.meter_id, key.register, key.day, key.interval_s


def _columns(keys: Sequence[Key]) -> tuple[list[str], list[str], list[int], list[int]]:
    return (
        [key.meter_id for key in keys],
        [key.register for key in keys],
        [key.day for key in keys],
        [key.interval_s for key in keys],
    )
