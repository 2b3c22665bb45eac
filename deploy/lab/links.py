"""What waits on the way up, in the zones' own streams."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from storage.hot.connection import connect
from storage.hot.uplink import Backlog, Uplink
from storage.ports import StoreUnavailable

PAUSE_S = 0.1


async def wait_until_drained(
    redis_urls: Mapping[str, str], *, tenants: Sequence[str], deadline: float
) -> bool:
    """Return True once nothing waits for a parent, False when something still does at `deadline`.

    `redis_urls` are administrators', by zone, edges first: what has left one zone is then seen in
    the next. `deadline` is in `time.monotonic`; a store may be away in between.
    """
    for url in redis_urls.values():
        while await _waiting(url, tenants):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(PAUSE_S)
    return True


async def backlogs(redis_url: str, *, tenants: Sequence[str]) -> list[Backlog]:
    """Return what waits in a zone for its parent, a tenant at a time.

    Raises:
        StoreUnavailable: the store gave no answer in time.
    """
    connection = connect(redis_url, max_connections=1)
    try:
        uplink = Uplink(connection)
        return [await uplink.backlog(tenant) for tenant in tenants]
    finally:
        await connection.aclose()


async def _waiting(redis_url: str, tenants: Sequence[str]) -> bool:
    try:
        return any(backlog.entries for backlog in await backlogs(redis_url, tenants=tenants))
    except StoreUnavailable:
        return True
