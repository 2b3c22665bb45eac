"""A process that takes edits of headquarters, made to be killed.

Reads the tenant's Redis URL from standard input; prints a line after each edit.
"""

import asyncio
import sys
from typing import Final

from storage.cold.desk_entries import batch_of
from storage.hot.connection import connect
from storage.hot.edits import HotEdits
from storage.hot.store import RedisHotStore
from storage.model.uplink import UplinkEntry

EDGE: Final = "zone-1#5"
REGISTER: Final = "1-0:1.8.0"
DAY_BEGINS_S: Final = 20_454 * 86_400
EDITS: Final = [(1_000 + at, at % 2, 50 + at) for at in range(60)]
"""Sequence, slot and value."""


def edits() -> list[UplinkEntry]:
    """Two slots of meter A, edited in turn."""
    return [
        UplinkEntry(EDGE, sequence, b"", _intervals(slot, [value], quality=7))
        for sequence, slot, value in EDITS
    ]


def _intervals(slot: int, values: list[int], *, quality: int) -> bytes:
    batch = batch_of(
        meter_id="A",
        register=REGISTER,
        interval_s=900,
        start_s=DAY_BEGINS_S + slot * 900,
        values=values,
        quality=[quality] * len(values),
    )
    return batch.encode()


async def work(redis_url: str) -> None:
    """Have the values that are edited, and take all edits from the first on."""
    connection = connect(redis_url)
    limit = 1 << 26
    store = RedisHotStore(connection, slug="acme", zone="zone-2", uplink_limit_bytes=limit)
    taken = HotEdits(connection, store, slug="acme", relaying=True, limits=(limit, 1 << 30))
    metered = UplinkEntry("zone-3a#1", 7, b"", _intervals(0, [1, 2], quality=0), 0)
    await store.relay([metered], caller="zone-3a")
    for entry in edits():
        await taken.take([entry])
        sys.stdout.write(f"taken {entry.sequence}\n")
        sys.stdout.flush()
    sys.stdout.write("done\n")
    sys.stdout.flush()
    await connection.aclose()


if __name__ == "__main__":
    asyncio.run(work(sys.stdin.readline().strip()))
