"""An event block: one meter's and register's events of a UTC day, sorted by their instants."""

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from storage.model.block import RecordBlock, Versions, merge
from storage.model.runs import DAY_S

EVENT: Final = np.dtype(
    [
        ("at", "<u4"),
        ("raw", "<i8"),
        ("final", "<i8"),
        ("quality", "u1"),
        ("flags", "u1"),
        ("revision", "<u2"),
    ]
)
"""24 bytes an event. `at` is the second of the UTC day; the rest is as in `storage.model.block`,
with values of 64 bits. An event that is there always holds a value."""


@dataclass(frozen=True, slots=True, order=True)
class EventKey:
    """Identity of an event block within its tenant; `day` counts UTC days since 1970.

    `interval_s` is 0 for register reads, else the length of the off-grid intervals in it.
    """

    meter_id: str
    register: str
    day: int
    interval_s: int

    @property
    def slots(self) -> int:
        """Number of instants that an event of the day can have."""
        return DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """HQ's event blocks, one after another: the events, and the stamps of their values.

    `place` is rising: the number of the event's block * `DAY_S` + its second of the day.
    `record` has one slot of dtype `EVENT` a place, all of them present.
    """

    place: NDArray[np.int64]
    record: RecordBlock

    @classmethod
    def empty(cls, edges: tuple[str, ...]) -> Self:
        """No events. `edges` must be sorted."""
        record = RecordBlock.empty(0, edges, layout=EVENT)
        return cls(place=np.zeros(0, dtype=np.int64), record=record)

    def __len__(self) -> int:
        """Number of events."""
        return len(self.place)


def merge_events(events: EventRecord, versions: Versions) -> tuple[EventRecord, Versions]:
    """Return the events with every version taken in, and the versions that are not current.

    `versions.slot` holds places. The rule is `storage.model.block.merge`, over the places that
    either side names.
    """
    place = np.union1d(events.place, versions.slot).astype(np.int64)
    grown = RecordBlock.empty(len(place), events.record.edges, layout=EVENT)
    held = np.searchsorted(place, events.place)
    for column in ("slots", "sequence", "edge", "raw_sequence", "raw_edge"):
        getattr(grown, column)[held] = getattr(events.record, column)
    grown.slots["at"] = place % DAY_S
    named = np.searchsorted(place, versions.slot)
    record, replaced = merge(grown, replace(versions, slot=named))
    return EventRecord(place=place, record=record), replace(replaced, slot=place[replaced.slot])
