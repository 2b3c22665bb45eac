"""Reading a meter's period: which blocks to ask for, and how the answer is laid out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.cursor import BadCursor, read_cursor, write_cursor
from storage.model.block import HAS_RAW, PRESENT, SLOT, BlockKey
from storage.model.interval_lengths import length_periods
from storage.model.meter import Meter
from storage.model.runs import DAY_S

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BadPeriod(ValueError):
    """The period is empty, too long or before 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Intervals `first` up to `end` (excluded), counted in interval lengths since 1970.

    All are of one length; `next_s` is the second at which the next page starts, if there is one.
    """

    meter_id: str
    register: str
    interval_s: int
    first: int
    end: int
    next_s: int | None

    def block_keys(self) -> list[BlockKey]:
        """The blocks that hold the page, by day."""
        first_day = self.first * self.interval_s // DAY_S
        end_day = -(-self.end * self.interval_s // DAY_S)
        return [
            BlockKey(self.meter_id, self.register, day, self.interval_s)
            for day in range(first_day, end_day)
        ]

    def slots(self, blocks: Mapping[BlockKey, NDArray[np.void]]) -> NDArray[np.void]:
        """The page's slots, absent ones all zero: shape (end - first,) of `SLOT`."""
        found = np.zeros(self.end - self.first, dtype=SLOT)
        for key, block in blocks.items():
            begin = key.day * key.slots - self.first
            low, high = max(begin, 0), min(begin + key.slots, len(found))
            found[low:high] = block[low - begin : high - begin]
        return found

    def cursor(self) -> str | None:
        """Where the next page starts, None on the last one."""
        return None if self.next_s is None else write_cursor(self.next_s)

    def instant(self, interval: int) -> str:
        """RFC 3339 text of the start of an interval."""
        return instant_text(interval * self.interval_s)


def page_of(
    *,
    meter: Meter,
    register: str,
    begin: datetime,
    end: datetime,
    limit: int,
    cursor: str | None,
    max_days: int,
) -> Page:
    """Return the page of `limit` intervals that start in `[begin, end)`, from `cursor` on.

    Where the meter's interval length changes, a page ends: its intervals are of one length.

    Raises:
        BadPeriod: empty, before 1970, or longer than `max_days`.
        BadCursor: not a cursor of this period.
    """
    check_period(begin=begin, end=end, max_days=max_days)
    begin_s, end_s = second_at_or_after(begin), second_at_or_after(end)
    if cursor is not None:
        (start_s,) = read_cursor(cursor, parts=1)
        if not begin_s <= start_s <= end_s:
            raise BadCursor("the cursor is not one of this period")
        begin_s = start_s
    for period in length_periods(meter):
        length = period.interval_s
        until_s = end_s if period.end_s is None else min(end_s, period.end_s)
        first, last = -(-max(begin_s, period.begin_s) // length), -(-until_s // length)
        if first < last or until_s == end_s:
            page_end = min(first + limit, max(first, last))
            next_s = page_end * length if page_end < last else until_s
            return Page(
                meter_id=meter.meter_id,
                register=register,
                interval_s=length,
                first=first,
                end=page_end,
                next_s=next_s if next_s < end_s else None,
            )
    raise AssertionError("the last of a meter's lengths has no end")


def check_period(*, begin: datetime, end: datetime, max_days: int) -> None:
    """Refuse a period that is no period, or too much to answer.

    Raises:
        BadPeriod: empty, before 1970, or longer than `max_days`.
    """
    if end <= begin:
        raise BadPeriod("`to` must be after `from` (the period is half-open)")
    if begin < _EPOCH:
        raise BadPeriod("`from` must not be before 1970")
    if end - begin > timedelta(days=max_days):
        raise BadPeriod(f"a period of {(end - begin).days} days; at most {max_days} are answered")


def instant_text(second: int) -> str:
    """RFC 3339 text of a second since 1970."""
    return (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")


def second_at_or_after(instant: datetime) -> int:
    """The first whole second since 1970 at or after `instant`."""
    return _interval_at(instant, 1)


def columns(slots: NDArray[np.void]) -> dict[str, list[Any]]:
    """Lay slots out as the answer's lists, None where a slot holds no such value."""
    present = (slots["flags"] & PRESENT) != 0
    has_raw = (slots["flags"] & HAS_RAW) != 0
    return {
        "values": _or_none(slots["raw"], has_raw),
        "final": _or_none(slots["final"], present),
        "quality": _or_none(slots["quality"], present),
        "revision": _or_none(slots["revision"], present),
    }


def _or_none(column: NDArray[Any], known: NDArray[np.bool_]) -> list[Any]:
    listed: list[Any] = column.tolist()
    if not known.all():
        for at in np.flatnonzero(~known).tolist():
            listed[at] = None
    return listed


def _interval_at(instant: datetime, interval_s: int) -> int:
    # The first interval that starts at or after the instant.
    return -((_EPOCH - instant) // timedelta(seconds=interval_s))
