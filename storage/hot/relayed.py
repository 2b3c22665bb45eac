"""Entries of a child zone on their way into the hot store: what each call of `relay` takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.hot.command import Argument
from storage.hot.packed import Packed
from storage.model.payload import Batch
from storage.model.runs import RunBatch
from storage.model.traffic import EVENTS, INTERVALS, UplinkQueue
from storage.model.uplink import UplinkEntry, unpack_excluded

# One call holds up the server's other clients, by its keys more than by its bytes: README of mdms
# says how long.
CALL_BYTES: Final = 1 << 20
CALL_PLACES: Final = 2_000


@dataclass(frozen=True, slots=True)
class Relayed:
    """One entry as the library takes it, and where it waits for this zone's parent."""

    entry: UplinkEntry
    packed: Packed
    queue: UplinkQueue

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """The stamp, what describes the readings, and the payload."""
        entry = self.entry
        after = "" if entry.after is None else entry.after
        stamp = entry.edge, entry.sequence, after, entry.excluded
        return *stamp, *self.packed.arguments, entry.payload

    @property
    def size(self) -> int:
        """Bytes of the arguments."""
        return self.packed.size + len(self.entry.payload)


def excluded_of(entry: UplinkEntry, batch: Batch) -> NDArray[np.bool_] | None:
    """Mask of the readings that an entry excludes, None for none of them."""
    return unpack_excluded(entry.excluded, len(batch)) if entry.excluded else None


def joined_excluded(
    entries: Sequence[tuple[UplinkEntry, Batch]],
) -> NDArray[np.bool_] | None:
    """As `excluded_of`, of entries one after another."""
    if not any(entry.excluded for entry, _ in entries):
        return None
    return np.concatenate([unpack_excluded(entry.excluded, len(batch)) for entry, batch in entries])


def queue_of(batch: Batch) -> UplinkQueue:
    """Where an entry of such a batch waits: every version of a place in the same queue."""
    return INTERVALS if isinstance(batch, RunBatch) else EVENTS


def in_calls(entries: Sequence[Relayed]) -> list[list[Relayed]]:
    """Cut entries into calls of bounded size, of one queue each."""
    calls: list[list[Relayed]] = []
    room = places = 0
    for entry in entries:
        is_other = bool(calls) and calls[-1][0].queue != entry.queue
        if not calls or is_other or entry.size > room or len(entry.packed.keys) > places:
            calls.append([])
            room, places = CALL_BYTES, CALL_PLACES
        calls[-1].append(entry)
        room -= entry.size
        places -= len(entry.packed.keys)
    return calls
