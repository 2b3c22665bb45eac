"""What goes wrong between a meter and the platform, each fault by rate and seed.

A fault is a pure function of deliveries, a rate and one draw a reading: the choice of readings
does not depend on which other faults are on. The order of the waves is the order of sending.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from meter_emulator.deliveries import Deliveries

LONGEST_GAP_SLOTS = 8
LATEST_WAVES = 24
MOST_DRIFT_S = 120
SPIKE_FACTOR = 25
DIALS = 8

Draws = NDArray[np.float64]
Fault = Callable[[Deliveries, float, Draws], tuple[Deliveries, int]]
"""Takes deliveries, rate and a uniform draw of [0, 1) a delivery; returns what is left to deliver
and how many readings the fault touched."""


def _fraction(draws: Draws, rate: float) -> Draws:
    """Return a second uniform draw for the chosen, from how deep below `rate` the first one is."""
    return np.clip(draws / max(rate, 1e-12), 0.0, 1.0 - 1e-9)


def _series(deliveries: Deliveries) -> NDArray[np.int64]:
    return deliveries.meter * 1_000 + deliveries.register


def gap(deliveries: Deliveries, rate: float, draws: Draws) -> tuple[Deliveries, int]:
    """Lose runs of up to `LONGEST_GAP_SLOTS` intervals; a run starts at a reading with `rate`."""
    starts = draws < rate
    length = np.where(starts, 1 + (_fraction(draws, rate) * LONGEST_GAP_SLOTS).astype(int), 0)
    series = _series(deliveries)
    lost = starts.copy()
    for reach in range(1, LONGEST_GAP_SLOTS):
        lost[reach:] |= (length[:-reach] > reach) & (series[reach:] == series[:-reach])
    return deliveries.take(np.flatnonzero(~lost)), int(np.count_nonzero(lost))


def duplicate(deliveries: Deliveries, rate: float, draws: Draws) -> tuple[Deliveries, int]:
    """Deliver a second copy in the next wave."""
    chosen = np.flatnonzero(draws < rate)
    order = np.concatenate([np.arange(len(deliveries), dtype=np.int64), chosen])
    doubled = deliveries.take(order)
    wave = doubled.wave.copy()
    wave[len(deliveries) :] += 1
    return replace(doubled, wave=wave), len(chosen)


def late(deliveries: Deliveries, rate: float, draws: Draws) -> tuple[Deliveries, int]:
    """Deliver up to `LATEST_WAVES` waves after the reading's own."""
    chosen = draws < rate
    waves = 1 + (_fraction(draws, rate) * LATEST_WAVES).astype(np.int64)
    wave = deliveries.wave + np.where(chosen, waves, 0)
    return replace(deliveries, wave=wave), int(np.count_nonzero(chosen))


def out_of_order(deliveries: Deliveries, rate: float, draws: Draws) -> tuple[Deliveries, int]:
    """Deliver a reading after the one that follows it, by exchanging their waves."""
    series = _series(deliveries)
    chosen = np.flatnonzero((draws[:-1] < rate) & (series[:-1] == series[1:]))
    # A reading that moved already stays: exchanges that overlap would not be exchanges.
    chosen = chosen[np.diff(chosen, prepend=-2) > 1]
    wave = deliveries.wave.copy()
    wave[chosen], wave[chosen + 1] = deliveries.wave[chosen + 1], deliveries.wave[chosen]
    return replace(deliveries, wave=wave), len(chosen)


def seconds_off(draws: Draws, rate: float) -> NDArray[np.int64]:
    """Return how far each clock is off, up to `MOST_DRIFT_S` for the share `rate` of them."""
    span = (_fraction(draws, rate) * 2 - 1) * MOST_DRIFT_S
    seconds = np.where(draws < rate, np.where(span < 0, np.floor(span), np.floor(span) + 1), 0)
    return seconds.astype(np.int64)


def clock_drift(deliveries: Deliveries, rate: float, draws: Draws) -> tuple[Deliveries, int]:
    """Put the clock of the share `rate` of meters up to `MOST_DRIFT_S` seconds off, all day.

    The instants leave the interval grid; nobody rounds them back.
    """
    meters, first, of = np.unique(deliveries.meter, return_index=True, return_inverse=True)
    seconds = seconds_off(draws[first], rate)
    offset = seconds[of.reshape(-1)] if len(meters) else deliveries.meter
    drifted = replace(deliveries, instant_s=deliveries.instant_s + offset)
    return drifted, int(np.count_nonzero(offset))


def negative(deliveries: Deliveries, rate: float, draws: Draws) -> tuple[Deliveries, int]:
    """Report below zero what was above: a meter wired the wrong way round."""
    chosen = (draws < rate) & (deliveries.value > 0)
    value = np.where(chosen, -deliveries.value, deliveries.value)
    return replace(deliveries, value=value), int(np.count_nonzero(chosen))


def spike(deliveries: Deliveries, rate: float, draws: Draws) -> tuple[Deliveries, int]:
    """Report `SPIKE_FACTOR` times what was used."""
    chosen = (draws < rate) & (deliveries.value > 0)
    value = np.where(chosen, deliveries.value * SPIKE_FACTOR, deliveries.value)
    return replace(deliveries, value=value), int(np.count_nonzero(chosen))


def roll_over(deliveries: Deliveries, rate: float, draws: Draws) -> tuple[Deliveries, int]:
    """Report an interval across a register's return to zero as a plain difference of the reads."""
    chosen = draws < rate
    value = np.where(chosen, deliveries.value - 10**DIALS, deliveries.value)
    return replace(deliveries, value=value), int(np.count_nonzero(chosen))


FAULTS: dict[str, Fault] = {
    "negative": negative,
    "spike": spike,
    "roll-over": roll_over,
    "clock-drift": clock_drift,
    "out-of-order": out_of_order,
    "late": late,
    "gap": gap,
    "duplicate": duplicate,
}
"""By name, in the order in which they are applied: values, then instants, then the way."""


def check_rates(rates: dict[str, float]) -> None:
    """Raise ValueError for an unknown fault or a rate outside 0 to 1."""
    for name, rate in rates.items():
        if name not in FAULTS or not 0 <= rate <= 1:
            raise ValueError(f"fault {name}={rate}: one of {', '.join(FAULTS)} with a rate 0 to 1")


def apply_faults(
    deliveries: Deliveries, *, rates: dict[str, float], seed: list[int]
) -> tuple[Deliveries, dict[str, int]]:
    """Return what is delivered with faults at `rates`, and the readings touched by each.

    Raises:
        ValueError: an unknown fault, or a rate outside 0 to 1.
    """
    check_rates(rates)
    touched = {}
    first = int(deliveries.cell[0]) if len(deliveries) else 0
    cells = len(deliveries)
    for number, (name, fault) in enumerate(FAULTS.items()):
        if rate := rates.get(name, 0.0):
            draws = np.random.default_rng([*seed, number]).random(cells)
            deliveries, touched[name] = fault(deliveries, rate, draws[deliveries.cell - first])
    return deliveries, touched
