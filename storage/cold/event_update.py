"""Event blocks as they will be once versions are taken in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from storage.cold.event_codec import EventCodec
from storage.cold.slot_update import MAX_REVISION, renamed
from storage.model.block import Versions
from storage.model.event_block import EventKey, EventRecord, merge_events
from storage.model.runs import DAY_S


@dataclass(frozen=True, slots=True)
class EventUpdate:
    """Blocks one after another in the order of `keys`, and the versions that they replaced."""

    keys: Sequence[EventKey]
    events: EventRecord
    replaced: Versions

    @classmethod
    def of(
        cls,
        *,
        keys: Sequence[EventKey],
        places: NDArray[np.int64],
        bodies: Sequence[bytes],
        versions: Versions,
        edges: tuple[str, ...],
    ) -> Self:
        """Merge `versions`, whose slots are index in `keys` * `DAY_S` + second of the day.

        `bodies` are those of the keys at `places`.

        Raises:
            BlockDamaged: a stored body is unreadable.
        """
        order = np.argsort(places)
        held = EventCodec().decode([bodies[at] for at in order.tolist()])
        names = tuple(sorted({*edges, *held.record.edges}))
        number, second = np.divmod(held.place, DAY_S)
        stored = EventRecord(
            place=places[order][number] * DAY_S + second, record=held.record.with_edges(names)
        )
        return cls(keys, *merge_events(stored, renamed(versions, edges, names)))

    @property
    def edges(self) -> tuple[str, ...]:
        """The names that the edges of `replaced` index."""
        return self.events.record.edges

    def counted(self, places: NDArray[np.int64]) -> Self:
        """Raise the revision of each event by the number of times that it stands in `places`."""
        cells = self.events.record.slots.copy()
        index = np.searchsorted(self.events.place, places)
        added = np.bincount(index, minlength=len(cells))
        cells["revision"] = np.minimum(cells["revision"] + added, MAX_REVISION)
        record = replace(self.events.record, slots=cells)
        return replace(self, events=replace(self.events, record=record))

    def sealed(self) -> tuple[list[int], list[bytes]]:
        """Number of events and body of every block; each must have an event."""
        present = np.diff(self._starts()).tolist()
        return present, EventCodec().encode(self.events, len(self.keys))

    def held(self) -> dict[EventKey, NDArray[np.void]]:
        """The events (dtype `EVENT`, by instant) of the blocks that have any."""
        by_block = np.split(self.events.record.slots, self._starts()[1:-1])
        return {key: events for key, events in zip(self.keys, by_block, strict=True) if len(events)}

    def _starts(self) -> NDArray[np.intp]:
        """Where each block begins, and the end of the last one."""
        bounds = np.arange(len(self.keys) + 1, dtype=np.int64) * DAY_S
        return np.searchsorted(self.events.place, bounds)
