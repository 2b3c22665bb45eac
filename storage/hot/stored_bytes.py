"""How many bytes each tenant has in a zone's Redis, by the counters that its writes keep."""

from collections.abc import Collection
from typing import Final, cast

from storage.hot.connection import HotConnection
from storage.hot.keys import hot_bytes_key, queues_prefix, uplink_bytes_key

_NO_BYTES: Final = b"dropped"
"""Stands among the queues' sizes and counts letters."""


async def stored_bytes(admin: HotConnection, tenants: Collection[str]) -> dict[str, int]:
    """Return the bytes of each tenant: readings, what waits for the parent, calls and topics.

    Raises:
        StoreUnavailable, CommandRefused: as the administrator's connection.
    """
    slugs = sorted(tenants)
    if not slugs:
        return {}
    names = [key(slug) for slug in slugs for key in (hot_bytes_key, uplink_bytes_key)]
    found = cast(list[bytes | None], await admin.call("MGET", names))
    sizes = [max(0, int(size or 0)) for size in found]
    return {
        slug: sizes[2 * n] + sizes[2 * n + 1] + await _queued_bytes(admin, slug)
        for n, slug in enumerate(slugs)
    }


async def _queued_bytes(admin: HotConnection, slug: str) -> int:
    flat = cast(list[bytes], await admin.call("HGETALL", f"{queues_prefix(slug)}:size"))
    by_kind = dict(zip(flat[::2], flat[1::2], strict=True))
    return sum(max(0, int(size)) for kind, size in by_kind.items() if kind != _NO_BYTES)
