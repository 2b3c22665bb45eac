"""The clocks that a fleet begins a run with, from the run's plan and seed."""

from typing import Final

import numpy as np

from meter_emulator.clock_day import ClockRun
from meter_emulator.faults import seconds_off
from meter_emulator.meter_clocks import ClockPlan, MeterClocks

CLOCK_FAULT: Final = "clock-drift"
# Beside the days' own numbers, which follow the seed in draws of faults.
_OFF, _DRIFT = 0x0FF, 0xD21F7


def fleet_clocks(
    plan: ClockPlan, *, meters: int, off: float, at_s: int, seed: list[int]
) -> ClockRun:
    """Return the clocks at `at_s`, the share `off` of them wrong from the start."""
    draws = np.random.default_rng([*seed, _OFF]).random(meters)
    clocks = MeterClocks.installed(
        at_s=at_s,
        error_s=seconds_off(draws, off).astype(np.float64),
        plan=plan,
        seed=[*seed, _DRIFT],
    )
    return ClockRun(clocks, plan)
