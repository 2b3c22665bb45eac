"""Clocks of a fleet: each drifts at its own rate, and knows how far off it may be."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Micros = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockPlan:
    """Clocks drift by up to `drift_ppm` either way, uniformly, which is also what they may.

    Meters ask for the time every `sync_every_s` of their days, 0 for never. A reading that may be
    off by more than `limit_s` is marked: by default a hundredth of a quarter of an hour.

    Raises:
        ValueError: a negative figure, or meters that ask more than once a second.
    """

    drift_ppm: float = 0.0
    sync_every_s: int = 0
    limit_s: float = 9.0

    def __post_init__(self) -> None:
        if self.drift_ppm < 0 or self.sync_every_s < 0 or self.limit_s <= 0:
            raise ValueError("drift, time between exchanges and limit are not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterClocks:
    """All columns are (meters,) and of the second `at_s` of the fleet's days.

    `error_us` is what each clock is ahead of the time, which no meter knows. `bound_us` is how far
    off the meter thinks that it may be: infinite before it was ever told the time, then growing
    by `tolerance_ppm`.
    """

    at_s: int
    error_us: Micros
    drift_ppm: NDArray[np.float64]
    bound_us: Micros
    tolerance_ppm: float

    @classmethod
    def installed(
        cls, *, at_s: int, error_s: NDArray[np.float64], plan: ClockPlan, seed: list[int]
    ) -> "MeterClocks":
        """Return new meters' clocks, `error_s` ahead at `at_s`.

        Meters that will never ask were set by hand, and believe that they are right.
        """
        meters = len(error_s)
        random = np.random.default_rng(seed)
        return cls(
            at_s=at_s,
            error_us=error_s * 1e6,
            drift_ppm=random.uniform(-plan.drift_ppm, plan.drift_ppm, meters),
            bound_us=np.full(meters, np.inf if plan.sync_every_s else 0.0),
            tolerance_ppm=plan.drift_ppm,
        )

    def errors_us(self, seconds: NDArray[np.int64]) -> Micros:
        """Return the errors at `seconds` (n,), none before `at_s`, as (meters, n)."""
        # A second at one part in a million is a microsecond.
        return self.error_us[:, None] + self.drift_ppm[:, None] * (seconds - self.at_s)

    def bounds_us(self, seconds: NDArray[np.int64]) -> Micros:
        """Return the bounds at `seconds` (n,), none before `at_s`, as (meters, n)."""
        return self.bound_us[:, None] + self.tolerance_ppm * (seconds - self.at_s)

    def at(self, second: int) -> "MeterClocks":
        """Return the clocks at a later second."""
        seconds = np.array([second])
        return replace(
            self,
            at_s=second,
            error_us=self.errors_us(seconds)[:, 0],
            bound_us=self.bounds_us(seconds)[:, 0],
        )

    def told(self, *, offset_us: Micros, distance_us: Micros) -> tuple["MeterClocks", Micros]:
        """Return the clocks after an exchange, and by how much each was changed.

        `offset_us` is what each clock lacks, as measured, to within `distance_us`. A meter that
        may be less far off than that by itself stays as it is.
        """
        better = distance_us < self.bound_us
        change_us = np.where(better, offset_us, 0.0)
        changed = replace(
            self,
            error_us=self.error_us + change_us,
            bound_us=np.where(better, distance_us, self.bound_us),
        )
        return changed, change_us
