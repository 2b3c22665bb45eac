"""How often blocks were read of late: counts that fade, of a bounded number of blocks."""

from collections.abc import Iterable, Mapping
from typing import Final

from functions.hot_storage.recall_cache import Key
from storage.hot.tiering import ReadCount

DAY_S: Final = 86_400
FORGOTTEN: Final = 0.05
"""A count that has faded so far is as good as none."""


class ReadBook:
    """The counts of one tenant."""

    def __init__(self, *, half_life_days: float, most_blocks: int) -> None:
        self._half_life_s = half_life_days * DAY_S
        self._most = most_blocks
        self._counts: dict[Key, ReadCount] = {}
        self._changed: set[Key] = set()
        self._gone: set[Key] = set()

    def __len__(self) -> int:
        """Number of blocks that have a count."""
        return len(self._counts)

    def load(self, counts: Mapping[Key, ReadCount]) -> None:
        """Begin with the counts that were kept, beside those made since."""
        self._counts = dict(counts) | self._counts

    def count(self, key: Key, reads: float, *, now_s: float) -> float:
        """Count reads of a block; return what its count is now."""
        total = self.of(key, now_s=now_s) + reads
        self._counts[key] = ReadCount(total, now_s)
        self._changed.add(key)
        self._gone.discard(key)
        return total

    def of(self, key: Key, *, now_s: float) -> float:
        """What is left of a block's reads."""
        held = self._counts.get(key)
        if held is None:
            return 0.0
        since_s = max(0.0, now_s - held.at_s)
        return float(held.reads * 2.0 ** (-since_s / self._half_life_s))

    def trim(self, *, now_s: float) -> None:
        """Forget what has faded, and beyond the bound the blocks that were read least."""
        left = {key: self.of(key, now_s=now_s) for key in self._counts}
        lost = {key for key, reads in left.items() if reads < FORGOTTEN}
        kept = sorted(left.keys() - lost, key=lambda key: left[key], reverse=True)
        lost.update(kept[self._most :])
        for key in lost:
            del self._counts[key]
        self._gone |= lost
        self._changed -= lost

    def take_changes(self) -> tuple[dict[Key, ReadCount], list[Key]]:
        """What changed since the last time, and what is forgotten, to be kept elsewhere."""
        changed = {key: self._counts[key] for key in self._changed if key in self._counts}
        gone = list(self._gone)
        self._changed, self._gone = set(), set()
        return changed, gone

    def give_back(self, changed: Iterable[Key], gone: Iterable[Key]) -> None:
        """These could not be kept: they come again with the next changes."""
        self._changed.update(changed)
        self._gone.update(key for key in gone if key not in self._counts)
