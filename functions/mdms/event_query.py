"""Reading a meter's events of a period: which blocks to ask for, and how they are laid out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.cursor import read_cursor, write_cursor
from functions.mdms.period_query import check_period, instant_text, second_at_or_after
from functions.mdms.query_schema import EventPart
from storage.model.block import HAS_RAW, BlockKey
from storage.model.event_block import EVENT, EventKey
from storage.model.interval_lengths import lengths_in
from storage.model.meter import Meter
from storage.model.runs import DAY_S

DAYS_AT_ONCE: Final = 31
_DATED: Final = np.dtype([("at", "<i8"), ("interval_s", "<i4"), ("event", EVENT)])


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPeriod:
    """Events with `begin_s` <= instant < `end_s`, in seconds since 1970, after `after` if any.

    `after` is (instant, interval length) of the last event of the page before; `lengths` are
    those that the meter's events can have, 0 for register reads.
    """

    meter_id: str
    register: str
    lengths: tuple[int, ...]
    begin_s: int
    end_s: int
    after: tuple[int, int] | None = None

    def day_groups(self) -> Iterator[range]:
        """The UTC days of the period that are left to read, some at a time, in their order."""
        first = self.begin_s if self.after is None else max(self.begin_s, self.after[0])
        days = range(first // DAY_S, -(-self.end_s // DAY_S))
        for begin in range(0, len(days), DAYS_AT_ONCE):
            yield days[begin : begin + DAYS_AT_ONCE]

    def event_keys(self, days: range) -> list[EventKey]:
        """The blocks that may hold events of `days`."""
        return [
            EventKey(self.meter_id, self.register, day, length)
            for day in days
            for length in self.lengths
        ]

    def block_keys(self, days: range) -> list[BlockKey]:
        """The blocks of intervals on their grid of `days`."""
        return [
            BlockKey(self.meter_id, self.register, day, length)
            for day in days
            for length in self.lengths
            if length
        ]

    def select(self, blocks: Mapping[EventKey, NDArray[np.void]]) -> NDArray[np.void]:
        """The blocks' events of the period, by instant and length: (events,) of `_DATED`."""
        parts = [np.zeros(0, dtype=_DATED)]
        for key, events in blocks.items():
            part = np.zeros(len(events), dtype=_DATED)
            part["at"] = key.day * DAY_S + events["at"].astype(np.int64)
            part["interval_s"] = key.interval_s
            part["event"] = events
            parts.append(part)
        found = np.concatenate(parts)
        wanted = (found["at"] >= self.begin_s) & (found["at"] < self.end_s)
        if self.after is not None:
            at, length = self.after
            wanted &= (found["at"] > at) | ((found["at"] == at) & (found["interval_s"] > length))
        found = found[wanted]
        return found[np.lexsort((found["interval_s"], found["at"]))]


def event_period(
    *,
    meter: Meter,
    register: str,
    begin: datetime,
    end: datetime,
    cursor: str | None,
    max_days: int,
) -> EventPeriod:
    """Return the period of the events in `[begin, end)` of a meter, of every length it had then.

    Raises:
        BadPeriod: empty, before 1970, or longer than `max_days`.
        BadCursor: not a cursor of this query.
    """
    check_period(begin=begin, end=end, max_days=max_days)
    after = None
    if cursor is not None:
        at, length = read_cursor(cursor, parts=2)
        after = at, length
    begin_s, end_s = second_at_or_after(begin), second_at_or_after(end)
    return EventPeriod(
        meter_id=meter.meter_id,
        register=register,
        lengths=(0, *lengths_in(meter, begin_s=begin_s, end_s=end_s)),
        begin_s=begin_s,
        end_s=end_s,
        after=after,
    )


def parts_of(found: NDArray[np.void]) -> list[EventPart]:
    """Lay events out as the answer's parts."""
    event = found["event"]
    columns = (
        found["at"].tolist(),
        found["interval_s"].tolist(),
        event["raw"].tolist(),
        event["final"].tolist(),
        event["quality"].tolist(),
        ((event["flags"] & HAS_RAW) != 0).tolist(),
        event["revision"].tolist(),
    )
    return [
        EventPart(
            at=instant_text(at),
            interval_s=interval_s,
            value=raw if has_raw else None,
            final=final,
            quality=quality,
            revision=revision,
        )
        for at, interval_s, raw, final, quality, has_raw, revision in zip(*columns, strict=True)
    ]


def cursor_after(found: NDArray[np.void]) -> str:
    """The cursor of the page that ends with the last of `found`."""
    return write_cursor(int(found["at"][-1]), int(found["interval_s"][-1]))
