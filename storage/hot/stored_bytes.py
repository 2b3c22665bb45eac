"""How many bytes each tenant has in a zone's Redis, by the counters that its writes keep."""

from collections.abc import Collection
from typing import Final, cast

from storage.hot.connection import HotConnection
from storage.hot.keys import hot_bytes_key, queues_prefix
from storage.hot.uplink import queue_keys
from storage.model.traffic import UPLINK_QUEUES

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
    stored = {}
    for slug in slugs:
        names = [hot_bytes_key(slug), *(queue_keys(slug, queue)[1] for queue in UPLINK_QUEUES)]
        found = cast(list[bytes | None], await admin.call("MGET", names))
        sizes = [max(0, int(size or 0)) for size in found]
        stored[slug] = sum(sizes) + await _queued_bytes(admin, slug)
    return stored


async def _queued_bytes(admin: HotConnection, slug: str) -> int:
    flat = cast(list[bytes], await admin.call("HGETALL", f"{queues_prefix(slug)}:size"))
    by_kind = dict(zip(flat[::2], flat[1::2], strict=True))
    return sum(max(0, int(size)) for kind, size in by_kind.items() if kind != _NO_BYTES)
