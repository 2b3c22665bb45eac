"""Waiting until what was acknowledged at an edge is in the cold store."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import date

import asyncpg

from deploy.lab.cold_count import ColdCount, count_cold
from deploy.lab.failure import LabFailure

PAUSE_S = 0.3


class ColdStoreSilent(LabFailure):
    """The cold store could not be counted before the deadline."""


async def wait_until_cold(
    database_url: str,
    *,
    tenants: Sequence[str],
    day: date,
    expected: int,
    deadline: float,
    on_progress: Callable[[int, int], None],
) -> ColdCount:
    """Return the count once `expected` distinct readings are there, or what is there in the end.

    `deadline` is in `time.monotonic`; PostgreSQL may be away in between.

    Raises:
        ColdStoreSilent: it never answered.
    """
    count: ColdCount | None = None
    while True:
        reason = ""
        try:
            count = await count_cold(database_url, tenants=tenants, day=day)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            reason = str(error) or type(error).__name__
        if count is not None:
            on_progress(count.distinct, expected)
            if not reason and count.distinct >= expected:
                return count
        if time.monotonic() > deadline:
            if count is None:
                raise ColdStoreSilent(f"the cold store cannot be counted: {reason}")
            return count
        await asyncio.sleep(PAUSE_S)
