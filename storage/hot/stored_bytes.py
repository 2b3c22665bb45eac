"""How many bytes each tenant has in a zone's Redis, by the counters that its writes keep."""

from collections.abc import Collection
from typing import cast

from storage.hot.connection import HotConnection
from storage.hot.keys import hot_bytes_key, uplink_bytes_key


async def stored_bytes(admin: HotConnection, tenants: Collection[str]) -> dict[str, int]:
    """Return the bytes of readings, and of what waits for the parent, of each tenant; 0 for none.

    Raises:
        StoreUnavailable, CommandRefused: as the administrator's connection.
    """
    slugs = sorted(tenants)
    if not slugs:
        return {}
    names = [key(slug) for slug in slugs for key in (hot_bytes_key, uplink_bytes_key)]
    found = cast(list[bytes | None], await admin.call("MGET", names))
    sizes = [max(0, int(size or 0)) for size in found]
    return {slug: sizes[2 * n] + sizes[2 * n + 1] for n, slug in enumerate(slugs)}
