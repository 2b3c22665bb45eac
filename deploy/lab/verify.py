"""Waiting until what was acknowledged at the edges is in the cold store."""

import asyncio
import time
from collections.abc import Callable, Sequence

import asyncpg

from deploy.lab.cold_count import count_cold
from deploy.lab.failure import LabFailure
from storage.cold.audit import ReadingCount

PAUSE_S = 0.3


class ColdStoreSilent(LabFailure):
    """The cold store could not be counted before the deadline."""


async def wait_until_cold(
    database_url: str,
    *,
    tenants: Sequence[str],
    days: range,
    expected: int,
    deadline: float,
    on_progress: Callable[[int, int], None],
) -> ReadingCount:
    """Return the count once `expected` distinct readings are there, or what is there in the end.

    `days` are UTC days since 1970, `deadline` is in `time.monotonic`; PostgreSQL may be away in
    between.

    Raises:
        ColdStoreSilent: it never answered.
    """
    count: ReadingCount | None = None
    while True:
        reason = ""
        began = time.monotonic()
        try:
            count = await count_cold(database_url, tenants=tenants, days=days)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            reason = str(error) or type(error).__name__
        now = time.monotonic()
        if count is not None:
            on_progress(min(count.distinct, expected), expected)
            if not reason and count.distinct >= expected:
                return count
        if now > deadline:
            if count is None:
                raise ColdStoreSilent(f"the cold store cannot be counted: {reason}")
            return count
        # Counting costs what it counts: half of the time is left to what is being counted.
        await asyncio.sleep(max(PAUSE_S, now - began))
