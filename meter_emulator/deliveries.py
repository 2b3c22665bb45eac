"""Readings on their way to the platform, as columns: what is sent, and in which wave."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """Deliveries of one register on one day; all columns have the same length.

    `meter` is a row of the fleet, `instant_s` the interval's start in Unix seconds, `value` the
    register's unit (Wh), `wave` the number of the round in which the delivery is sent, `cell`
    names the reading: copies of one reading share it.
    """

    meter: NDArray[np.int64]
    instant_s: NDArray[np.int64]
    value: NDArray[np.int64]
    wave: NDArray[np.int64]
    cell: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.meter)

    def take(self, index: NDArray[np.int64]) -> "Deliveries":
        """Return the deliveries at `index`, in that order."""
        return Deliveries(
            meter=self.meter[index],
            instant_s=self.instant_s[index],
            value=self.value[index],
            wave=self.wave[index],
            cell=self.cell[index],
        )


def unix_midnight(day: date) -> int:
    """Return the Unix second at which UTC `day` starts."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def whole_day(
    *, energy_wh: NDArray[np.int32], day: date, interval_s: int, first_cell: int
) -> Deliveries:
    """Return every reading of `energy_wh` (meters, slots), each in the wave of its slot.

    Cells are numbered from `first_cell` on, meter by meter.
    """
    meters, slots = energy_wh.shape
    slot = np.tile(np.arange(slots, dtype=np.int64), meters)
    return Deliveries(
        meter=np.repeat(np.arange(meters, dtype=np.int64), slots),
        instant_s=unix_midnight(day) + slot * interval_s,
        value=energy_wh.astype(np.int64).ravel(),
        wave=slot,
        cell=np.arange(first_cell, first_cell + meters * slots, dtype=np.int64),
    )
