"""Counting readings where they end up: in the tables of PostgreSQL, not by what services say."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import asyncpg
import numpy as np
from numpy.typing import NDArray

from storage.cold.codec import BlockCodec
from storage.cold.engine import connect
from storage.cold.tail import OpenEntry, open_entry, unseal
from storage.cold.walls import tenant_role
from storage.model.runs import DAY_S

EPOCH = date(1970, 1, 1).toordinal()
COMMAND_TIMEOUT_S = 60.0
_TAIL = 'SELECT body FROM "{schema}".tail WHERE first_day <= $1 AND last_day >= $1'
_BLOCKS = 'SELECT meter_id, register, interval_s, body FROM "{schema}".blocks WHERE day = $1'


@dataclass(frozen=True, slots=True)
class ColdCount:
    """`found` counts each stored copy of a reading, in blocks and tail; `distinct` each once."""

    found: int
    distinct: int

    def __add__(self, other: "ColdCount") -> "ColdCount":
        """Sum over tenants."""
        return ColdCount(self.found + other.found, self.distinct + other.distinct)


async def count_cold(database_url: str, *, tenants: Sequence[str], day: date) -> ColdCount:
    """Count the readings of a UTC day over `tenants`, tail and blocks as of one instant.

    Raises:
        OSError, asyncpg.PostgresError: the server cannot be reached, or refuses.
    """
    connection = await connect(
        database_url, application_name="gridfaas-up", command_timeout_s=COMMAND_TIMEOUT_S
    )
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            total = ColdCount(0, 0)
            for tenant in tenants:
                total += await _count(connection, tenant_role(tenant), day.toordinal() - EPOCH)
            return total
    finally:
        await connection.close(timeout=5)


async def _count(
    connection: "asyncpg.Connection[asyncpg.Record]", schema: str, day: int
) -> ColdCount:
    """Count one tenant's; a reading is known by meter, register and the second it starts."""
    starts: defaultdict[tuple[str, str], list[NDArray[np.int64]]] = defaultdict(list)
    for row in await connection.fetch(_BLOCKS.format(schema=schema), day):
        block = BlockCodec(DAY_S // row["interval_s"]).decode([row["body"]])
        slots = np.flatnonzero(block.present).astype(np.int64)
        starts[row["meter_id"], row["register"]].append(day * DAY_S + slots * row["interval_s"])
    for row in await connection.fetch(_TAIL.format(schema=schema), day):
        for entry in unseal(row["body"]):
            _add_entry(starts, open_entry(entry), day)
    found = distinct = 0
    for parts in starts.values():
        seconds = np.concatenate(parts)
        found += len(seconds)
        distinct += len(np.unique(seconds))
    return ColdCount(found, distinct)


def _add_entry(
    starts: defaultdict[tuple[str, str], list[NDArray[np.int64]]], entry: OpenEntry, day: int
) -> None:
    batch, offsets = entry.batch, entry.batch.offsets
    for run in np.flatnonzero(batch.run_day == day).tolist():
        kept = np.flatnonzero(~entry.excluded[offsets[run] : offsets[run + 1]]).astype(np.int64)
        name = (batch.meters[batch.run_meter[run]], batch.registers[batch.run_register[run]])
        starts[name].append(batch.run_start[run] + kept * batch.run_interval_s[run])
