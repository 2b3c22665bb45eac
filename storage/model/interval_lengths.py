"""The interval lengths of a meter over time: which one holds when, and how a change is made."""

from dataclasses import dataclass
from typing import Final

import msgspec

from storage.model.meter import EarlierLength, Meter

UNSAID: Final = -1
"""The `interval_since_s` of a form that does not say from when on its length holds."""
DAY_S: Final = 86_400


class LengthRefused(ValueError):
    """The length cannot change at that instant; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthPeriod:
    """Intervals that lie in `[begin_s, end_s)` (seconds since 1970) are `interval_s` long.

    `end_s` is None where no later length is known.
    """

    begin_s: int
    end_s: int | None
    interval_s: int

    def holds(self, second: int) -> bool:
        """Whether an interval that starts at `second` is of this period."""
        return self.begin_s <= second and (self.end_s is None or second < self.end_s)


def length_periods(meter: Meter) -> list[LengthPeriod]:
    """The meter's lengths, oldest first; they follow one another without a gap from 1970 on."""
    periods = []
    begin_s = 0
    for one in meter.earlier:
        periods.append(LengthPeriod(begin_s=begin_s, end_s=one.until_s, interval_s=one.interval_s))
        begin_s = one.until_s
    periods.append(LengthPeriod(begin_s=begin_s, end_s=None, interval_s=meter.interval_s))
    return periods


def lengths_in(meter: Meter, *, begin_s: int, end_s: int) -> tuple[int, ...]:
    """The different lengths that hold somewhere in `[begin_s, end_s)`, oldest first."""
    found = (
        period.interval_s
        for period in length_periods(meter)
        if period.begin_s < end_s and (period.end_s is None or period.end_s > begin_s)
    )
    return tuple(dict.fromkeys(found))


def settled(held: Meter | None, form: Meter, *, now_s: int) -> Meter:
    """The meter that `form` makes of the one that is `held`, its lengths over time included.

    The length of a new meter holds from ever on. Another length than before holds from
    `form.interval_since_s` on, or unless it is said from the next midnight UTC after `now_s`; what
    held from a later instant on is forgotten.

    Raises:
        LengthRefused: the instant is not on the grid of both lengths.
    """
    since_s = form.interval_since_s
    if held is None:
        return msgspec.structs.replace(form, interval_since_s=0, earlier=())
    if form.interval_s == held.interval_s and since_s in (UNSAID, held.interval_since_s):
        return msgspec.structs.replace(
            form, interval_since_s=held.interval_since_s, earlier=held.earlier
        )
    if since_s == UNSAID:
        since_s = (now_s // DAY_S + 1) * DAY_S
    kept = [period for period in length_periods(held) if period.begin_s < since_s]
    if kept and kept[-1].interval_s == form.interval_s:
        # The same length goes on, so it began where it began.
        since_s = kept.pop().begin_s
    before_s = kept[-1].interval_s if kept else form.interval_s
    if since_s % form.interval_s or since_s % before_s:
        raise LengthRefused(
            f"intervals of {form.interval_s} s cannot follow those of {before_s} s from "
            f"{since_s} s since 1970 on: `interval_since` must be the end of one of these and the "
            "start of one of those"
        )
    ends = [*(period.begin_s for period in kept[1:]), since_s]
    earlier = tuple(
        EarlierLength(until_s, period.interval_s)
        for period, until_s in zip(kept, ends, strict=False)
    )
    return msgspec.structs.replace(form, interval_since_s=since_s, earlier=earlier)


def superseded(held: Meter, meter: Meter) -> list[LengthPeriod]:
    """Where intervals of `held` would overlap those of `meter`: periods of `held`'s lengths."""
    found = []
    for old in length_periods(held):
        for new in length_periods(meter):
            begin_s = max(old.begin_s, new.begin_s)
            ends = [end for end in (old.end_s, new.end_s) if end is not None]
            end_s = min(ends) if ends else None
            if old.interval_s != new.interval_s and (end_s is None or begin_s < end_s):
                found.append(LengthPeriod(begin_s=begin_s, end_s=end_s, interval_s=old.interval_s))
    return found
