"""Fronts of many blocks out of PostgreSQL: a row for thousands of them, each column in one piece.

A row a block would cost more than the sums. Only the front of a body travels; of a body that has
none, all does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import asyncpg
import numpy as np
from numpy.typing import NDArray

from storage.cold.pool import Connection
from storage.cold.value_front import FORMAT, GAPS, HEAD_BYTES
from storage.cold.word_checksum import CHECKSUM_BYTES

Query: TypeAlias = tuple[str, tuple[object, ...]]
_BLOCKS_AT_ONCE: Final = 16_384
_MOST_SCANNED: Final = 65_536
"""Meters of a record whose days are read whole: a day of them is one answer."""
_SHARE: Final = 4
"""Days are read whole when no more than this times the meters that are wanted are in them."""
_SIZE_BITS: Final = 20
_DAY_AT: Final = 40
# Where a block is, how long its part, and the part: in one order, as one node adds all three up.
# An identifier holds no NUL.
_JOINED: Final = f"""
    SELECT string_agg(textsend(meter_id), '\\x00'),
        string_agg(int8send(place | octet_length(part)), ''),
        string_agg(part, '')
    FROM (
        SELECT meter_id,
            ((day - $2::int)::bigint << {_DAY_AT}) | (interval_s::bigint << {_SIZE_BITS}) AS place,
            CASE WHEN get_byte(body, 0) & {0xFF ^ GAPS} = {FORMAT}
                THEN substring(body, 1, {HEAD_BYTES + CHECKSUM_BYTES}
                    + get_byte(body, 1) * ((86400 / interval_s + 31) / 32) * 4)
                ELSE body END AS part
        FROM {{blocks}} OFFSET 0
    ) AS held
"""
_WANTED: Final = "register = $1 AND day BETWEEN $2::int + $3::int AND $2::int + $4::int"
_OF_DAYS: Final = _JOINED.format(blocks=f"blocks WHERE {_WANTED}")
# Meter by meter by its key, whatever the planner thinks of looking at every block there is (that
# is what the inner OFFSET 0 is for).
_OF_METERS: Final = _JOINED.format(
    blocks=f"""unnest($5::text[]) AS k (wanted) CROSS JOIN LATERAL (
        SELECT meter_id, day, interval_s, body FROM blocks
        WHERE blocks.meter_id = k.wanted AND {_WANTED}
        OFFSET 0
    ) AS own"""
)
_REGISTERED: Final = "SELECT count(*) FROM (SELECT FROM meters LIMIT $1) AS known"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontRows:
    """N blocks: the place of each one's meter among those wanted, day, length, and its part.

    `day` counts from the first one wanted. `begin` and `size` say where in `stored` a part is.
    """

    meter: NDArray[np.int64]
    day: NDArray[np.int64]
    interval_s: NDArray[np.int64]
    begin: NDArray[np.int64]
    size: NDArray[np.int64]
    stored: bytes

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> "FrontRows":
        """The blocks at `index`."""
        return FrontRows(
            meter=self.meter[index],
            day=self.day[index],
            interval_s=self.interval_s[index],
            begin=self.begin[index],
            size=self.size[index],
            stored=self.stored,
        )


class Places:
    """Where each of the wanted meters stands."""

    def __init__(self, meters: Sequence[str]) -> None:
        self._place = {name.encode(): at for at, name in enumerate(meters)}
        # The days of a fleet mostly stand in one order.
        self._before: tuple[bytes, NDArray[np.int64]] = b"", np.zeros(0, dtype=np.int64)

    def opened(self, row: asyncpg.Record) -> FrontRows:
        """What the row that answers a query holds of the wanted meters."""
        names, where, stored = row
        if names != self._before[0]:
            self._before = names, self._places(names.split(b"\0"))
        meter = self._before[1]
        numbers = np.frombuffer(where, dtype=">i8").astype(np.int64)
        size = numbers & ((1 << _SIZE_BITS) - 1)
        every = FrontRows(
            meter=meter,
            day=numbers >> _DAY_AT,
            interval_s=numbers >> _SIZE_BITS & ((1 << (_DAY_AT - _SIZE_BITS)) - 1),
            begin=np.cumsum(size) - size,
            size=size,
            stored=stored,
        )
        return every if (meter >= 0).all() else every.take(meter >= 0)

    def _places(self, names: list[bytes]) -> NDArray[np.int64]:
        try:
            return np.fromiter(map(self._place.__getitem__, names), np.int64, len(names))
        except KeyError:
            return np.array([self._place.get(name, -1) for name in names], dtype=np.int64)


async def front_queries(
    connection: Connection, meters: Sequence[str], *, register: str, days: range
) -> list[Query]:
    """Queries for the blocks of `meters` (distinct) on `days`, each in one of them."""
    most = min(_SHARE * len(meters), _MOST_SCANNED)
    known = await connection.fetchval(_REGISTERED, most + 1)
    if known <= most:
        at_once = max(1, _BLOCKS_AT_ONCE // max(known, 1))
        return [
            (_OF_DAYS, (register, days[0], first, min(first + at_once, len(days)) - 1))
            for first in range(0, len(days), at_once)
        ]
    at_once = max(1, _BLOCKS_AT_ONCE // len(days))
    return [
        (_OF_METERS, (register, days[0], 0, len(days) - 1, list(meters[first : first + at_once])))
        for first in range(0, len(meters), at_once)
    ]
