"""Waiting until what was acknowledged at the edges is in the cold store."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import asyncpg

from deploy.lab.cold_count import count_cold
from deploy.lab.failure import LabFailure
from deploy.lab.links import is_drained
from storage.cold.audit import ReadingCount

PAUSE_S = 0.3


class ColdStoreSilent(LabFailure):
    """The cold store could not be counted before the deadline."""


async def settled_count(
    database_url: str,
    *,
    redis_urls: Mapping[str, str],
    tenants: Sequence[str],
    days: range,
    deadline: float,
    enough: int = 0,
    settle_s: float = 0.0,
    on_progress: Callable[[int], None] = lambda distinct: None,
) -> ReadingCount:
    """Return the count once nothing waits on a link any more, or what is there at `deadline`.

    Where others send too, links may never be empty: `settle_s` after `enough` distinct readings
    were there, it is returned all the same. `redis_urls` are as in `is_drained`, `days` UTC days
    since 1970, `deadline` is in `time.monotonic`; a store may be away in between. `on_progress`
    gets distinct readings.

    Raises:
        ColdStoreSilent: the cold store never answered.
    """
    count: ReadingCount | None = None
    enough_at: float | None = None
    while True:
        began = time.monotonic()
        # Asked first: what was drained by then is in the count.
        drained = await is_drained(redis_urls, tenants=tenants)
        reason = ""
        try:
            count = await count_cold(database_url, tenants=tenants, days=days)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            reason = str(error) or type(error).__name__
        now = time.monotonic()
        if count is not None:
            on_progress(count.distinct)
            if enough_at is None and count.distinct >= enough:
                enough_at = now
            settled = drained or (enough_at is not None and now - enough_at >= settle_s)
            if not reason and settled:
                return count
        if now > deadline:
            if count is None:
                raise ColdStoreSilent(f"the cold store cannot be counted: {reason}")
            return count
        # Counting costs what it counts: half of the time is left to what is being counted.
        await asyncio.sleep(max(PAUSE_S, now - began))
