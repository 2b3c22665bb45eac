"""The readings that queries are measured on: a fleet's days, the same for both sides."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deploy.benchmarks.step import DAY_S, INTERVAL_S, REGISTER, SLOTS, meter_name
from storage.cold.record import PostgresRecordStore
from storage.model.meter import Meter
from storage.model.runs import RunBatch
from storage.model.uplink import UplinkEntry, pack_excluded

AT_ONCE: Final = 1_000
"""Meters of a body, and of an edge."""
_ENTRIES_A_POST: Final = SLOTS
_EPOCH: Final = 1_700_000_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Meters 0 up to `meters`, with a value in every quarter hour of a day."""

    meters: int

    def values(self, day: int) -> NDArray[np.int32]:
        """Wh of each meter in each slot of a day (UTC, since 1970): (meters, slots)."""
        found = np.random.default_rng(day).gamma(1.5, 90.0, (self.meters, SLOTS))
        return found.astype(np.int32)

    def registered(self) -> list[Meter]:
        """The meters as they are registered."""
        return [
            Meter(meter_id=meter_name(number), registers=(REGISTER,), interval_s=INTERVAL_S)
            for number in range(self.meters)
        ]

    def groups(self) -> Iterator[range]:
        """The meters of each edge."""
        for first in range(0, self.meters, AT_ONCE):
            yield range(first, min(first + AT_ONCE, self.meters))


async def fill_day(store: PostgresRecordStore, fleet: Fleet, day: int) -> None:
    """Commit a day as it comes live, an entry an instant and edge, and fold it into blocks.

    What the edges give as sequences is their clocks' time, some seconds after each interval.
    """
    values = fleet.values(day)
    late = np.random.default_rng(day + 1)
    for number, group in enumerate(fleet.groups()):
        names = [meter_name(one) for one in group]
        end_us = (day * DAY_S + (np.arange(SLOTS) + 1) * INTERVAL_S) * 1_000_000
        sequences = end_us + late.integers(100_000, 20_000_000, SLOTS)
        entries = [
            UplinkEntry(
                f"zone-3{number:03}#{_EPOCH}",
                int(sequences[slot]),
                pack_excluded(np.zeros(len(group), dtype=np.bool_)),
                instant(names, day, slot, values[group.start : group.stop, slot]).encode(),
            )
            for slot in range(SLOTS)
        ]
        for at in range(0, len(entries), _ENTRIES_A_POST):
            await store.append(entries[at : at + _ENTRIES_A_POST], caller="zone-2")
    while (await store.fold(max_entries=10_000)).moved:
        pass


def instant(names: list[str], day: int, slot: int, values: NDArray[np.int32]) -> RunBatch:
    """One slot of a day of many meters."""
    count = len(names)
    return RunBatch(
        meters=names,
        registers=[REGISTER],
        run_meter=np.arange(count, dtype=np.int32),
        run_register=np.zeros(count, dtype=np.uint8),
        run_interval_s=np.full(count, INTERVAL_S, dtype=np.int32),
        run_start=np.full(count, day * DAY_S + slot * INTERVAL_S, dtype=np.int64),
        run_length=np.ones(count, dtype=np.int32),
        values=np.ascontiguousarray(values),
        quality=np.zeros(count, dtype=np.uint8),
    )
