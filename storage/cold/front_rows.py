"""Fronts of many blocks out of PostgreSQL: a row for thousands of them, each column in one piece.

A row a block would cost more than the sums. So would one for all of a day: for pieces of megabytes
memory is taken from the system and given back each time, on both sides. Only the front of a body
travels; of a body that has none, all does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import asyncpg
import numpy as np
from numpy.typing import NDArray

from storage.cold.meter_places import NOT_WANTED, MeterPlaces
from storage.cold.pool import Connection
from storage.cold.value_front import FORMAT, GAPS, HEAD, HEAD_BYTES, FrontDamaged, front_sizes
from storage.cold.word_checksum import CHECKSUM_BYTES
from storage.model.runs import DAY_S

Query: TypeAlias = tuple[str, int, tuple[object, ...]]
"""Text, first day of those wanted, arguments."""
_BLOCKS_AT_ONCE: Final = 16_384
_BLOCKS_A_ROW: Final = 4_096
_MOST_SCANNED: Final = 65_536
"""Meters of a record whose days are read whole: a day of them is one answer."""
_SHARE: Final = 4
"""Days are read whole when no more than this times the meters that are wanted are in them."""
_SIZE_BITS: Final = 20
_HAS_FRONT: Final = f"get_byte(body, 0) & {0xFF ^ GAPS} = {FORMAT}"
# A row is of the same meters each day, mostly in the same order. What a block without a front has
# for a head is its interval length and size: the highest byte comes first, 0, which is no format.
# All columns are in one order, as one node adds them up; an identifier holds no NUL.
#
# The inner OFFSET 0 keeps the planner from taking as many rows as meters for granted, and sorting.
_JOINED: Final = f"""
    SELECT shared, string_agg(textsend(meter_id), '\\x00'), {{days}},
        string_agg(head, ''), string_agg(part, '')
    FROM (
        SELECT hashtext(meter_id) & $5::int AS shared, meter_id, day,
            CASE WHEN {_HAS_FRONT} THEN substring(body, 1, {HEAD_BYTES})
                ELSE int8send(interval_s::bigint << {_SIZE_BITS} | octet_length(body))
                END AS head,
            CASE WHEN {_HAS_FRONT} THEN substring(body, 1, {HEAD_BYTES + CHECKSUM_BYTES}
                    + get_byte(body, 1) * (({DAY_S} / interval_s + 31) / 32) * 4)
                ELSE body END AS part
        FROM {{blocks}} OFFSET 0
    ) AS held GROUP BY shared
"""
_WANTED: Final = "register = $1 AND day BETWEEN $2::int + $3::int AND $2::int + $4::int"
# Which day a block is of costs as much as its name, and is known where there is one day only.
_DAYS: Final = "string_agg(int4send(day - $2::int), '')"
_OF_DAY: Final = _JOINED.format(blocks=f"blocks WHERE {_WANTED}", days="NULL::bytea")
_OF_DAYS: Final = _JOINED.format(blocks=f"blocks WHERE {_WANTED}", days=_DAYS)
# Meter by meter by its key, whatever the planner thinks of looking at every block there is (that
# is what its own OFFSET 0 is for).
_OF_METERS: Final = _JOINED.format(
    blocks=f"""unnest($6::text[]) AS k (wanted) CROSS JOIN LATERAL (
        SELECT meter_id, day, interval_s, body FROM blocks
        WHERE blocks.meter_id = k.wanted AND {_WANTED}
        OFFSET 0
    ) AS own""",
    days=_DAYS,
)
_REGISTERED: Final = "SELECT count(*) FROM (SELECT FROM meters LIMIT $1) AS known"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontRows:
    """N blocks: the place of each one's meter among those wanted, day, length, and its part.

    `day` counts from the first one wanted. `begin` and `size` say where in `stored` a part is,
    `front` whether that is a front or a body without one.
    """

    meter: NDArray[np.int64]
    day: NDArray[np.int64]
    interval_s: NDArray[np.int64]
    begin: NDArray[np.int64]
    size: NDArray[np.int64]
    front: NDArray[np.bool_]
    stored: bytes
    one_day: bool

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> "FrontRows":
        """The blocks at `index`."""
        return FrontRows(
            meter=self.meter[index],
            day=self.day[index],
            interval_s=self.interval_s[index],
            begin=self.begin[index],
            size=self.size[index],
            front=self.front[index],
            stored=self.stored,
            one_day=self.one_day,
        )


class Places:
    """Opens rows of the wanted meters."""

    def __init__(self, meters: Sequence[str]) -> None:
        self._meters = MeterPlaces(meters)

    def opened(self, row: asyncpg.Record, *, first: int) -> FrontRows:
        """What a row of the answer to a query holds of the wanted meters.

        `first` is the first day that the query asks for.

        Raises:
            FrontDamaged: heads and parts do not fit together.
        """
        shared, names, days, heads, stored = row
        meter = self._meters.places(names, group=shared)
        interval_s, size, front = _sizes(heads)
        if len(size) != len(meter) or int(size.sum()) != len(stored):
            raise FrontDamaged("fronts of another length than their heads say")
        day = np.full(len(meter), first, dtype=np.int64)
        every = FrontRows(
            meter=meter,
            day=day if days is None else np.frombuffer(days, dtype=">i4").astype(np.int64),
            interval_s=interval_s,
            begin=np.cumsum(size) - size,
            size=size,
            front=front,
            stored=stored,
            one_day=days is None,
        )
        return every if (meter != NOT_WANTED).all() else every.take(meter != NOT_WANTED)


def _sizes(
    heads: bytes,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Interval length and size of each part, and whether it is a front."""
    if len(heads) % HEAD_BYTES:
        raise FrontDamaged("a front that is too short")
    opened = np.frombuffer(heads, dtype=HEAD)
    size = front_sizes(opened)
    interval_s = DAY_S // np.maximum(opened["slots"], 1).astype(np.int64)
    front = (opened["form"] & ~np.uint8(GAPS)) == FORMAT
    if not front.all():
        others = np.flatnonzero(~front)
        numbers = np.frombuffer(heads, dtype=">i8")[others].astype(np.int64)
        interval_s[others] = numbers >> _SIZE_BITS
        size[others] = numbers & ((1 << _SIZE_BITS) - 1)
    return interval_s, size, front


async def front_queries(
    connection: Connection, meters: Sequence[str], *, register: str, days: range
) -> list[Query]:
    """Queries for the blocks of `meters` (distinct) on `days`, each in one of them."""
    most = min(_SHARE * len(meters), _MOST_SCANNED)
    known = await connection.fetchval(_REGISTERED, most + 1)
    if known <= most:
        at_once = max(1, _BLOCKS_AT_ONCE // max(known, 1))
        query = _OF_DAY if at_once == 1 else _OF_DAYS
        rows = _rows(at_once * known)
        return [
            (query, first, (register, days[0], first, min(first + at_once, len(days)) - 1, rows))
            for first in range(0, len(days), at_once)
        ]
    at_once = max(1, _BLOCKS_A_ROW // len(days))
    whole = (register, days[0], 0, len(days) - 1, 0)
    return [
        (_OF_METERS, 0, (*whole, list(meters[first : first + at_once])))
        for first in range(0, len(meters), at_once)
    ]


def _rows(blocks: int) -> int:
    """The mask of a hash of a meter's name that tells one row's meters from another's."""
    return (1 << (max(blocks - 1, 0) // _BLOCKS_A_ROW).bit_length()) - 1
