"""Names that were added, in memory of a bound: of many, some more seem to be among them."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

MOST_EXACT: Final = 20_000
_BITS: Final = 24
_LOW: Final = (1 << _BITS) - 1


class NameTable:
    """Up to `most_exact` names as they are; of more, two bits each in a table of 2 MiB.

    So no name that was added is ever missing. Of others, 1 in 7,000 seems to be among 100,000,
    1 in 80 among a million, 1 in 5 among five million (Bloom 1970).
    """

    def __init__(self, *, most_exact: int = MOST_EXACT) -> None:
        self._most_exact = most_exact
        self._exact: set[str] | None = set()
        self._table = bytearray()

    def add(self, name: str) -> None:
        """Add one."""
        if self._exact is None:
            self._mark(name)
            return
        self._exact.add(name)
        if len(self._exact) > self._most_exact:
            names, self._exact = self._exact, None
            self._table = bytearray(1 << (_BITS - 3))
            for one in names:
                self._mark(one)

    def __contains__(self, name: str) -> bool:
        """Whether it was added, or seems so."""
        if self._exact is not None:
            return name in self._exact
        table = self._table
        return all(table[at >> 3] >> (at & 7) & 1 for at in _places(name))

    def mask(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Which of the names were added, or seem so: (names,)."""
        if self._exact is not None:
            return np.fromiter(
                map(self._exact.__contains__, names), dtype=np.bool_, count=len(names)
            )
        table = np.frombuffer(self._table, dtype=np.uint8)
        hashes = np.fromiter(map(hash, names), dtype=np.int64, count=len(names))
        found = np.ones(len(names), dtype=np.bool_)
        for places in (hashes & _LOW, (hashes >> _BITS) & _LOW):
            found &= (table[places >> 3] >> (places & 7).astype(np.uint8) & 1).astype(np.bool_)
        return found

    def _mark(self, name: str) -> None:
        for at in _places(name):
            self._table[at >> 3] |= 1 << (at & 7)


def _places(name: str) -> tuple[int, int]:
    """Two places that differ from process to process, so that nobody can choose names by them."""
    number = hash(name)
    return number & _LOW, (number >> _BITS) & _LOW
