"""A process that appends and folds traffic until all of it is in blocks, made to be killed.

Reads the database URL from standard input; prints `acknowledged N` after each append.
"""

import asyncio
import random
import sys

from storage.cold.pool import open_pool
from storage.cold.record import PostgresRecordStore
from tests.contract.record_versions import a_day_of_traffic

ENTRIES = 240


async def send(database_url: str, *, seed: int, first: int) -> None:
    """Send the traffic of `seed` from entry `first` on, overlapping what was sent before it."""
    entries = a_day_of_traffic(seed, entries=ENTRIES)
    rng = random.Random(seed + first)
    async with open_pool(database_url) as pool:
        store = PostgresRecordStore(pool)

        async def append() -> None:
            at = max(0, first - 5)
            while at < len(entries):
                post = entries[at : at + rng.randrange(1, 6)]
                await store.append(post)
                at += len(post)
                sys.stdout.write(f"acknowledged {at}\n")
                sys.stdout.flush()

        async def fold(until: asyncio.Task[None]) -> None:
            while not until.done() or (await store.waiting()).entries:
                await store.fold(
                    max_entries=rng.randrange(1, 12), max_slots=rng.choice([100, 10**6])
                )

        async with asyncio.TaskGroup() as group:
            appending = group.create_task(append())
            for _ in range(2):
                group.create_task(fold(appending))


if __name__ == "__main__":
    asyncio.run(send(sys.stdin.readline().strip(), seed=int(sys.argv[1]), first=int(sys.argv[2])))
