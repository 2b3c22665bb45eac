"""What waits on the way up, in the zones' own streams."""

from collections.abc import Mapping, Sequence

from storage.hot.connection import connect
from storage.hot.uplink import Uplink
from storage.model.traffic import UPLINK_QUEUES
from storage.ports import StoreUnavailable


async def is_drained(redis_urls: Mapping[str, str], *, tenants: Sequence[str]) -> bool:
    """Tell whether headquarters has all that was acknowledged before; a store away is a no.

    `redis_urls` are administrators', by zone, edges first: what leaves one zone meanwhile is then
    still seen in the next.
    """
    try:
        for url in redis_urls.values():
            if await _waits(url, tenants):
                return False
    except StoreUnavailable:
        return False
    return True


async def _waits(redis_url: str, tenants: Sequence[str]) -> bool:
    connection = connect(redis_url, max_connections=1)
    try:
        uplink = Uplink(connection)
        return any(
            [
                (await uplink.backlog(tenant, queue)).entries
                for tenant in tenants
                for queue in UPLINK_QUEUES
            ]
        )
    finally:
        await connection.aclose()
