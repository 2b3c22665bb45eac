"""The two kinds of blocks behind one face: where their rows are, and how versions are taken in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from storage.cold.block_rows import EVENT_ROWS, SLOT_ROWS, BlockRows
from storage.cold.event_update import EventUpdate
from storage.cold.slot_update import SlotUpdate
from storage.model.block import BlockKey, Versions
from storage.model.event_block import EventKey

K = TypeVar("K", BlockKey, EventKey)


class Update(Protocol[K]):
    """What `SlotUpdate` and `EventUpdate` have in common; see there."""

    @property
    def keys(self) -> Sequence[K]: ...

    @property
    def replaced(self) -> Versions: ...

    @property
    def edges(self) -> tuple[str, ...]: ...

    def counted(self, places: NDArray[np.int64]) -> Self: ...

    def sealed(self) -> tuple[list[int], list[bytes]]: ...

    def held(self) -> dict[K, NDArray[np.void]]: ...


@dataclass(frozen=True, slots=True)
class Shelf(Generic[K]):
    """A kind of blocks."""

    rows: BlockRows
    take_in: Callable[..., Update[K]]


SLOTS: Final[Shelf[BlockKey]] = Shelf(SLOT_ROWS, SlotUpdate.of)
EVENTS: Final[Shelf[EventKey]] = Shelf(EVENT_ROWS, EventUpdate.of)
