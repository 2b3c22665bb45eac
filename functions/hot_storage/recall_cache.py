"""What was recalled of late, bounded in bytes and in age."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.recall import Recalled

Key = BlockKey | EventKey
ENTRY_BYTES: Final = 512
"""About what an entry takes beside its body."""


@dataclass(frozen=True, slots=True)
class Known:
    """A block as the parent gave it, or None when it has none; `as_of_us` as in `Answer`."""

    block: Recalled | None
    as_of_us: int


class RecallCache:
    """Least recently used blocks leave first; an entry serves until its time has passed."""

    def __init__(
        self,
        *,
        max_bytes: int,
        keep_s: float,
        keep_absent_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_bytes = max_bytes
        self._keep_s = keep_s
        self._keep_absent_s = keep_absent_s
        self._clock = clock
        self._held: OrderedDict[tuple[str, Key], tuple[float, Known]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        """Number of entries."""
        return len(self._held)

    def get(self, tenant: str, key: Key) -> Known | None:
        """What is known of a block, None for nothing."""
        found = self._held.get((tenant, key))
        if found is None:
            return None
        until, known = found
        if self._clock() >= until:
            self.forget(tenant, key)
            return None
        self._held.move_to_end((tenant, key))
        return known

    def put(self, tenant: str, key: Key, known: Known) -> None:
        """Know this of a block from now on."""
        self.forget(tenant, key)
        keep_s = self._keep_absent_s if known.block is None else self._keep_s
        self._held[tenant, key] = self._clock() + keep_s, known
        self.bytes += _size(known)
        while self.bytes > self._max_bytes:
            _, (_, dropped) = self._held.popitem(last=False)
            self.bytes -= _size(dropped)

    def forget(self, tenant: str, key: Key) -> None:
        """Know nothing of a block."""
        found = self._held.pop((tenant, key), None)
        if found is not None:
            self.bytes -= _size(found[1])


def _size(known: Known) -> int:
    return ENTRY_BYTES + (0 if known.block is None else len(known.block.body))
