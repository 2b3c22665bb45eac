"""Readings as a body brought them: columns, before any rule has looked at them."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

READINGS_A_PLACE: Final = 16
"""Readings of a run that cost the store as much as the run's place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """S series, R runs and N readings in the order of the body; a list is one series.

    `run_meter` and `run_register` index `meters` and `registers`; `run_start_us` is the start of
    a run's first interval in microseconds since 1970. `run_interval_s` is 0 for register reads,
    -1 when the body's was outside of 1 s to a day. `values` are Wh or W, `quality` is -1 when it
    does not fit a byte. `fault` holds the `Reason` of readings that could not even be read;
    `error` says, by the first reading of a series or by reading of a list, what was wrong.
    """

    meters: list[str]
    registers: list[str]
    series_length: NDArray[np.int64]
    run_meter: NDArray[np.int64]
    run_register: NDArray[np.int64]
    run_interval_s: NDArray[np.int64]
    run_start_us: NDArray[np.int64]
    run_length: NDArray[np.int64]
    values: NDArray[np.int64]
    quality: NDArray[np.int64]
    fault: NDArray[np.uint8]
    error: dict[int, str] = field(default_factory=dict)
    listed: bool = False

    def __len__(self) -> int:
        """Number of readings."""
        return len(self.values)

    @property
    def lengths(self) -> list[int]:
        """Readings of each series."""
        lengths: list[int] = self.series_length.tolist()
        return lengths

    @property
    def effort(self) -> int:
        """What it costs the store, about: a cell's place a run, and a little a reading of one."""
        runs = len(self.run_length)
        return runs + (len(self) - runs) // READINGS_A_PLACE

    def reading_run(self) -> NDArray[np.int64]:
        """The run of each reading: shape (N,)."""
        runs = np.arange(len(self.run_length), dtype=np.int64)
        return runs if self._single() else np.repeat(runs, self.run_length)

    def run_on_grid(self) -> NDArray[np.bool_]:
        """Mask the runs of intervals that start a whole number of lengths after midnight UTC."""
        length_us = np.maximum(self.run_interval_s, 1) * 1_000_000
        on_grid: NDArray[np.bool_] = (self.run_interval_s > 0) & (
            self.run_start_us % length_us == 0
        )
        return on_grid

    def reading_start_s(self, reading_run: NDArray[np.int64]) -> NDArray[np.int64]:
        """Start of each reading's interval in whole seconds since 1970: shape (N,)."""
        if self._single():
            return self.run_start_us // np.int64(1_000_000)
        run_begin: NDArray[np.int64] = np.cumsum(self.run_length) - self.run_length
        step = np.arange(len(self), dtype=np.int64) - run_begin[reading_run]
        start_s: NDArray[np.int64] = self.run_start_us[reading_run] // np.int64(1_000_000)
        start_s += step * self.run_interval_s[reading_run]
        return start_s

    def _single(self) -> bool:
        """Whether each run is of one reading, as live traffic's are."""
        return len(self.run_length) == len(self) and bool((self.run_length == 1).all())
