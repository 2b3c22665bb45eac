"""Which rank is served next: the strictest that waits, with a small share kept for each other."""

from collections.abc import Collection


class RankTurns:
    """Ranks are numbers, 0 the strictest; those below `urgent` are always strict.

    While a laxer rank waits, `share` of the bytes that stricter ones send is its credit, up to
    `most_credit` bytes. With credit it goes first, and pays with its own bytes: nothing starves,
    and a stricter rank waits for little more than one batch of each laxer one because of it.
    """

    def __init__(self, *, urgent: int, share: float, most_credit: float) -> None:
        self._urgent = urgent
        self._share = share
        self._most_credit = most_credit
        self._credit: dict[int, float] = {}

    def next(self, waiting: Collection[int]) -> int:
        """Return which of `waiting` (not empty) goes first."""
        strictest = min(waiting)
        if strictest < self._urgent:
            return strictest
        owed = [rank for rank in waiting if self._credit.get(rank, 0.0) > 0.0]
        return min(owed, default=strictest)

    def charge(self, rank: int, *, size: int, waiting: Collection[int]) -> None:
        """Note that `rank` sent `size` bytes while `waiting` had something to send."""
        # Who waits no more has no claim on what it did not use, and owes nothing.
        self._credit = {
            one: credit for one, credit in self._credit.items() if one in waiting or one == rank
        }
        for one in waiting:
            if one > rank:
                credit = self._credit.get(one, 0.0) + size * self._share
                self._credit[one] = min(credit, self._most_credit)
        if self._credit.get(rank, 0.0) > 0.0:
            self._credit[rank] -= size
