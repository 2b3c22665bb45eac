"""An independent look at which readings of a tenant a zone's Redis holds, to prove what arrived.

It goes by the keys that are there, not by the registry or by what was sent.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from storage.hot.connection import HotConnection, connect
from storage.hot.keys import places_key
from storage.hot.library import READ_EVENTS
from storage.hot.strips import METERS_A_STRIP, block_of
from storage.model.block import PRESENT
from storage.model.event_block import EVENT

Held: TypeAlias = Mapping[bytes, NDArray[np.uint32]]
"""By the name of a block, the slots of it that hold a value, or the seconds of its events."""

_SCAN_COUNT: Final = 2_000
_STRIPS_A_CALL: Final = 64
_BLOCKS_A_CALL: Final = 256
_DEADLINE_S: Final = 30.0


async def held_readings(redis_url: str, *, slug: str, days: range | None = None) -> Held:
    """Return which readings of `days` (UTC days since 1970; None: all) the zone holds.

    `redis_url` is the administrator's. Names leave the tenant out: join tenants one by one.

    Raises:
        StoreUnavailable: no answer in time.
        CommandRefused: it is not the administrator's URL.
    """
    connection = connect(redis_url, max_connections=1, deadline_s=_DEADLINE_S)
    try:
        slots, events = await _names(connection, slug, days)
        held: dict[bytes, NDArray[np.uint32]] = {}
        meters: dict[bytes, dict[int, bytes]] = {}
        for some in _pages(slots, _STRIPS_A_CALL):
            strips = cast(list[bytes | None], await connection.call("MGET", some))
            for name, strip in zip(some, strips, strict=True):
                kind, _, number = name.rpartition(b"/")
                register = kind.split(b":", 4)[4]
                if register not in meters:
                    meters[register] = await _meters(connection, slug, register.decode())
                first = int(number) * METERS_A_STRIP
                for place in range(first, first + METERS_A_STRIP) if strip is not None else ():
                    flags = block_of(cast(bytes, strip), place)["flags"]
                    present = np.flatnonzero(flags & PRESENT).astype(np.uint32)
                    if len(present):
                        held[kind + b"/" + meters[register][place]] = present
        for some in _pages(events, _BLOCKS_A_CALL):
            reply = await connection.call("FCALL_RO", READ_EVENTS, len(some), some)
            for name, body in zip(some, cast(list[bytes], reply), strict=True):
                held[name] = np.frombuffer(body, dtype=EVENT)["at"].astype(np.uint32)
        return held
    finally:
        await connection.aclose()


def count_distinct(zones: Iterable[Held]) -> int:
    """Count the readings of one tenant that at least one of the zones holds."""
    union: dict[bytes, NDArray[np.uint32]] = {}
    for held in zones:
        for name, places in held.items():
            known = union.get(name)
            union[name] = places if known is None else np.union1d(known, places)
    return sum(len(places) for places in union.values())


def _pages(names: list[bytes], size: int) -> Iterator[list[bytes]]:
    for first in range(0, len(names), size):
        yield names[first : first + size]


async def _meters(connection: HotConnection, slug: str, register: str) -> dict[int, bytes]:
    """The meter ids of a register by their places."""
    flat = cast(list[bytes], await connection.call("HGETALL", places_key(slug, register)))
    return {int(place): meter for meter, place in zip(flat[::2], flat[1::2], strict=True)}


async def _names(
    connection: HotConnection, slug: str, days: range | None
) -> tuple[list[bytes], list[bytes]]:
    """The names of the tenant's strips and of its blocks of events."""
    one_day = f"{days[0]}:" if days is not None and len(days) == 1 else ""
    pattern = f"{slug}:[se]:{one_day}*"
    slots: set[bytes] = set()
    events: set[bytes] = set()
    cursor = b"0"
    while True:
        reply = await connection.call("SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN_COUNT)
        cursor, page = cast(tuple[bytes, list[bytes]], reply)
        for name in page:
            _, kind, day, _ = name.split(b":", 3)
            if days is None or int(day) in days:
                (slots if kind == b"s" else events).add(name)
        if cursor == b"0":
            return sorted(slots), sorted(events)
