"""When the tail is worth folding: a block rewritten for every slot is the slow case."""

from dataclasses import dataclass

from storage.ports import TailState


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldDue:
    """Bounds of the tail; ages in seconds.

    A closed day (UTC) is folded once nothing has arrived for `quiet_s`. An open one waits, so
    that a block is rewritten a few times a day and not once an interval, until its oldest entry
    is `after_s` old or the tail holds `after_readings`: rewriting a block costs the same for one
    new reading as for all of a day, and a read looks through the whole tail of its days. Small
    entries cost a read as much as their number: `after_entries` bounds them.
    """

    after_s: float
    quiet_s: float
    after_readings: int
    after_entries: int

    def of(self, tail: TailState, *, today: int) -> bool:
        """Whether to fold now; `today` counts UTC days since 1970."""
        if not tail.entries:
            return False
        day_closed = tail.last_day < today and tail.newest_s >= self.quiet_s
        large = tail.readings >= self.after_readings or tail.entries >= self.after_entries
        return day_closed or large or tail.oldest_s >= self.after_s
