"""Which days of readings a zone's Redis holds, and of which meters, without holding up others."""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, cast

from storage.hot.connection import HotConnection
from storage.hot.keys import places_key

_SCAN_COUNT: Final = 2_000
_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True, order=True)
class DayHeld:
    """A register's UTC day of one interval length, of which some meter has readings here."""

    day: int
    interval_s: int
    register: str


async def days_held(connection: HotConnection) -> dict[str, set[DayHeld]]:
    """Every tenant's days, by slug: one look at all names in the store.

    Raises:
        StoreUnavailable: no answer before the deadline.
    """
    found: defaultdict[str, set[DayHeld]] = defaultdict(set)
    cursor = b"0"
    while True:
        reply = await connection.call("SCAN", cursor, "MATCH", "*:s:*", "COUNT", _SCAN_COUNT)
        cursor, names = cast(tuple[bytes, list[bytes]], reply)
        for name in names:
            slug, kind, day, interval_s, rest = name.decode().split(":", 4)
            if kind == "s" and day.isdigit() and interval_s.isdigit():
                register = rest.rpartition("/")[0]
                found[slug].add(DayHeld(int(day), int(interval_s), register))
        if cursor == b"0":
            return found


async def meters_placed(
    connection: HotConnection, *, slug: str, register: str
) -> AsyncIterator[list[str]]:
    """The meters that have ever had readings of a register here, about a thousand at a time.

    One may come twice.
    """
    cursor = b"0"
    while True:
        reply = await connection.call("HSCAN", places_key(slug, register), cursor, "COUNT", _PAGE)
        cursor, flat = cast(tuple[bytes, list[bytes]], reply)
        if flat:
            yield [meter.decode() for meter in flat[::2]]
        if cursor == b"0":
            return
