"""What the functions ask of the stores, in the words of the domain."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.payload import Batch
from storage.model.revision import Revision
from storage.model.uplink import UplinkEntry


class StoreFull(Exception):
    """Nothing was written; the store takes more once it has drained."""

    def __init__(self, *, retry_after_s: int, what: str) -> None:
        super().__init__(f"{what} is full; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class StoreUnavailable(Exception):
    """The store did not answer in time; whether it wrote is unknown, sending again is safe."""


class Outcome(IntEnum):
    """What became of one reading at the edge."""

    ACCEPTED = 0
    DUPLICATE = 1
    CORRECTED = 2
    OUTRANKED = 3


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Answer to a batch: one `Outcome` a reading, and the last sequence given (0: none was)."""

    outcomes: NDArray[np.uint8]
    sequence: int


@dataclass(frozen=True, slots=True)
class TailState:
    """What waits to be folded: entries, their readings, seconds since the oldest and the newest
    came, last day.

    `last_day` counts UTC days since 1970. An empty tail is all zeros.
    """

    entries: int
    readings: int
    oldest_s: float
    newest_s: float
    last_day: int


@dataclass(frozen=True, slots=True)
class FoldStep:
    """What one step of the fold did: entries that left the tail, blocks that were written.

    A large entry takes several steps and leaves with the last. `readings` came into the blocks,
    which have `slots` together. All are 0 on an empty tail.
    """

    entries: int
    blocks: int
    readings: int = 0
    slots: int = 0

    @property
    def moved(self) -> bool:
        """Whether there was anything to fold."""
        return self.entries > 0 or self.blocks > 0


class HotStore(Protocol):
    """A tenant's readings in the zone's Redis. Order and repetition of batches do not matter."""

    async def accept(self, batch: Batch) -> Acceptance:
        """First hop: compare, write and queue for the parent in one atomic, durable step.

        A large batch takes several such steps, each with a sequence of its own.
        A value equal to the slot's or the event's, or to one that it held before, is a
        duplicate: a batch sent again never undoes a correction. Runs must not overlap.

        Raises:
            StoreFull: nothing was written by the step that says so, retry after `retry_after_s`.
            StoreUnavailable: no answer before the deadline.
        """

    async def relay(self, entries: Sequence[UplinkEntry], *, caller: str) -> int:
        """From child zone `caller`, each atomic; return how many, from the first, are durable.

        In any order, where entries say which one they come `after`; others of an edge in order.
        An entry that (caller, edge) brought before only counts; see `storage.model.received`.

        Raises:
            StoreFull, StoreUnavailable: as `accept`; entries before the failing one are in.
        """

    async def read(self, keys: Sequence[BlockKey]) -> dict[BlockKey, NDArray[np.void]]:
        """Slots (dtype `SLOT`) of the blocks that exist; a missing one is not in the answer."""

    async def read_events(self, keys: Sequence[EventKey]) -> dict[EventKey, NDArray[np.void]]:
        """Events (dtype `EVENT`, by instant) of the blocks that exist; missing ones left out."""


class RecordStore(Protocol):
    """A tenant's record at headquarters, in PostgreSQL."""

    async def append(self, entries: Sequence[UplinkEntry], *, caller: str = "") -> int:
        """Commit entries from child zone `caller`; return how many are durable (all).

        In any order, where entries say which one they come `after`; others of an edge in order.
        An entry that (caller, edge) brought before only counts; see `storage.model.received`.

        Raises:
            StoreUnavailable: no answer before the deadline; sending again is safe.
        """

    async def fold(
        self, *, max_entries: int, max_readings: int = ..., max_slots: int = ...
    ) -> FoldStep:
        """Move up to so many entries and readings of the tail into blocks in one transaction.

        `max_slots` bounds the slots of the blocks that are written; at least one block is.
        """

    async def read(self, keys: Sequence[BlockKey]) -> dict[BlockKey, NDArray[np.void]]:
        """Slots of the blocks that exist, blocks and tail merged; missing ones are left out."""

    async def read_events(self, keys: Sequence[EventKey]) -> dict[EventKey, NDArray[np.void]]:
        """Events (by instant) of the blocks that exist, blocks and tail merged."""

    async def read_revisions(
        self, blocks: Sequence[BlockKey], events: Sequence[EventKey]
    ) -> list[Revision]:
        """Every version that does not count now, of blocks and tail, in order."""
