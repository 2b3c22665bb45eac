"""What a zone has of one edge's entries, in whatever order they came: ranges of sequences.

An entry names the one that its edge made before it (`after`), so it covers the sequences from
there, exclusive, to its own: nothing else of the edge lies between. Ranges that meet are one.
"""

from dataclasses import dataclass
from typing import Final

MAX_AHEAD: Final = 256
"""Ranges with gaps before them; what would be one more has to wait until a gap is filled."""
_FIRST: Final = 0

Range = tuple[int, int]
"""A range of sequences: without its first number, with its last."""


class TooManyGaps(Exception):
    """The entry would lie behind one gap more than is kept; those before it can be taken."""


@dataclass(frozen=True, slots=True)
class Received:
    """Everything up to `through`, and the ranges `ahead`, apart and by rising numbers."""

    through: int = -1
    ahead: tuple[Range, ...] = ()

    def has(self, sequence: int) -> bool:
        """Whether the entry with this sequence is among them."""
        return sequence <= self.through or any(low < sequence <= high for low, high in self.ahead)

    def with_entry(self, sequence: int, *, after: int | None) -> "Received":
        """Return the ranges with one more entry; `after` None says that all came in order.

        Raises:
            TooManyGaps: it would be one range more than `MAX_AHEAD`.
        """
        low = self.through if after is None else after
        if low <= max(self.through, _FIRST):
            through, ahead = max(self.through, sequence), self.ahead
            while ahead and ahead[0][0] <= through:
                through, ahead = max(through, ahead[0][1]), ahead[1:]
            return Received(through, ahead)
        apart = [one for one in self.ahead if one[1] < low or one[0] > sequence]
        meeting = [one for one in self.ahead if one[1] >= low and one[0] <= sequence]
        merged = (
            min([low, *(one[0] for one in meeting)]),
            max([sequence, *(one[1] for one in meeting)]),
        )
        if len(apart) >= MAX_AHEAD:
            raise TooManyGaps(f"more than {MAX_AHEAD} gaps in what came of one edge")
        return Received(self.through, tuple(sorted([*apart, merged])))
