"""Readings on their way to the platform, as columns: what is sent, and in which wave."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from meter_emulator.meters import RegisterDay


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """Deliveries of one tenant on one day; all columns have the same length.

    `meter` is a row of the fleet, `register` an index into the run's registers, `instant_s` the
    interval's start in Unix seconds, `value` in Wh, `wave` the number of the round in which the
    delivery is sent, `cell` names the reading: copies of one reading share it. `quality` is Green
    Button's `QualityOfReading`, 0 for valid.
    """

    meter: NDArray[np.int64]
    register: NDArray[np.int64]
    instant_s: NDArray[np.int64]
    value: NDArray[np.int64]
    wave: NDArray[np.int64]
    cell: NDArray[np.int64]
    quality: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.meter)

    def take(self, index: NDArray[np.int64]) -> "Deliveries":
        """Return the deliveries at `index`, in that order."""
        return Deliveries(
            meter=self.meter[index],
            register=self.register[index],
            instant_s=self.instant_s[index],
            value=self.value[index],
            wave=self.wave[index],
            cell=self.cell[index],
            quality=self.quality[index],
        )


def unix_midnight(day: date) -> int:
    """Return the Unix second at which UTC `day` starts."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def whole_day(
    *, registers: list[RegisterDay], day: date, interval_s: int, first_cell: int
) -> Deliveries:
    """Return every reading of a day, register by register, each in the wave of its slot.

    Cells are numbered from `first_cell` on, in the order of the answer: register, meter, slot.
    """
    slots = 86_400 // interval_s
    lengths = [len(one.rows) for one in registers]
    slot = np.tile(np.arange(slots, dtype=np.int64), sum(lengths))
    return Deliveries(
        meter=np.repeat(np.concatenate([one.rows for one in registers]), slots),
        register=np.repeat(np.arange(len(registers)), np.array(lengths) * slots),
        instant_s=unix_midnight(day) + slot * interval_s,
        value=np.concatenate([one.energy_wh.astype(np.int64).ravel() for one in registers]),
        wave=slot,
        cell=np.arange(first_cell, first_cell + len(slot), dtype=np.int64),
        quality=np.zeros(len(slot), dtype=np.int64),
    )
