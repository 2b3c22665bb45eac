"""When a flow's waiting entries are sent: by age, or at once while whole batches wait."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """Bounds of a batch: payload bytes and entries."""

    max_bytes: int
    max_entries: int

    def due_at(self, *, waiting_since_s: float, max_age_s: float, more_behind: bool) -> float:
        """Return when to send, on the clock of `waiting_since_s`.

        `more_behind` says that the batch before was a full one: what follows waits already.
        """
        return waiting_since_s if more_behind else waiting_since_s + max_age_s

    def is_full(self, sizes: Sequence[int]) -> bool:
        """Whether entries of these payload bytes reach a bound, so that more may wait behind.

        Half of the bytes count as full: the next entry, which did not fit, is unknown.
        """
        return len(sizes) >= self.max_entries or 2 * sum(sizes) >= self.max_bytes
