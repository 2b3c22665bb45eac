"""The arithmetic of the nation: growth of memory, peaks of queues, shares of a machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from deploy.benchmarks.step import SLOTS

Figures = dict[str, Any]

# The first third is the way into a steady state.
SETTLING: Final = 1 / 3
GROWTH_SHARE: Final = 0.05
GROWTH_BYTES: Final = 16 << 20
HELD_S: Final = 30.0
PEAK_SHARE: Final = 1.25
PEAK_ENTRIES: Final = 200
CLEAR_SCATTERS: Final = 3.0
# A strip is allocated whole when its first reading comes: a meter's day of 12-byte cells, with the
# allocator's rounding up, and the meter's place and a part of the strip's key.
MOST_BYTES_A_NEW_DAY: Final = SLOTS * 12 * 1.2 + 300
# Of the machine, for a registered meter and a meter's new day in a hot store: more than the store
# counts itself, by what its allocator cannot give back.
RESIDENT_BYTES_A_METER: Final = 360
RESIDENT_BYTES_A_DAY: Final = 1_400
OTHER_BYTES: Final = 4 << 30
RATE_KEPT: Final = 0.99
CPU_SHARE: Final = 1.0
_REPORTED: Final[Mapping[str, Any]] = MappingProxyType({"target": None, "met": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was seen at one moment, `at_s` since the steady load began.

    `memory` is bytes by group of processes, `stores` used bytes by zone with a hot store, `queues`
    entries by queue, and `answered` the readings that were acknowledged until then.
    """

    at_s: float
    memory: Mapping[str, int]
    stores: Mapping[str, int]
    queues: Mapping[str, int]
    answered: int


def slope(at_s: Sequence[float], values: Sequence[float]) -> float:
    """Return how much the line of least squares through the values rises a second; 0 of one."""
    if len(set(at_s)) < 2:
        return 0.0
    return float(np.polyfit(np.asarray(at_s), np.asarray(values, dtype=np.float64), 1)[0])


def settled(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples of the last two thirds of the time."""
    if not samples:
        return []
    begin = samples[0].at_s + (samples[-1].at_s - samples[0].at_s) * SETTLING
    return [one for one in samples if one.at_s >= begin]


def memory_verdicts(samples: Sequence[Sample], *, stores: Mapping[str, str]) -> Figures:
    """Return by group its first, last and highest bytes, its growth by the fitted line, and `flat`.

    What a group holds is the lowest of each `HELD_S`: what a statement or a turn needs, it gives
    back. A group grows when the line of that rises over the settled time by more than
    `GROWTH_SHARE` of the mean and `GROWTH_BYTES`, and the last third goes beyond all before by more
    than half of that, as a steady rise does; what was filled up to a bound before does not.
    `stores` names the groups that are hot stores, with their zones: these grow by what they store,
    and are flat when that is no more than new meter-days take up.
    """
    kept = settled(samples)
    found: Figures = {}
    for name in sorted({name for one in kept for name in one.memory}):
        values = [one.memory[name] for one in kept if name in one.memory]
        if name in stores:
            found[name] = _store(kept, zone=stores[name]) | {"highest": max(values)}
            continue
        at, held = _held([one for one in samples if name in one.memory], name)
        late = [index for index, at_s in enumerate(at) if at_s >= kept[0].at_s]
        growth, _ = _growth([at[index] for index in late], [held[index] for index in late])
        before, after = _highest(at, held)
        most = max(GROWTH_BYTES, GROWTH_SHARE * sum(values) / len(values))
        found[name] = {
            "first": values[0],
            "last": values[-1],
            "highest": max(values),
            "held_before_last_third": before,
            "held_in_last_third": after,
            "growth": round(growth),
            "flat": growth <= most or after - before <= most / 2,
        }
    return found


def _held(samples: Sequence[Sample], name: str) -> tuple[list[float], list[int]]:
    """The lowest of each `HELD_S`, where it was first seen."""
    parts: dict[int, tuple[int, float]] = {}
    for one in samples:
        part = int((one.at_s - samples[0].at_s) // HELD_S)
        lowest = one.memory[name], one.at_s
        parts[part] = min(parts.get(part, lowest), lowest)
    return [at for _, at in parts.values()], [value for value, _ in parts.values()]


def _store(kept: Sequence[Sample], *, zone: str) -> Figures:
    first, last = kept[0], kept[-1]
    readings = last.answered - first.answered
    growth = last.stores[zone] - first.stores[zone]
    a_reading = growth / readings if readings else 0.0
    return {
        "first": first.stores[zone],
        "last": last.stores[zone],
        "growth": growth,
        "bytes_a_new_meter_day": round(a_reading, 1),
        "flat": growth <= GROWTH_BYTES or a_reading <= MOST_BYTES_A_NEW_DAY,
    }


def queue_verdicts(samples: Sequence[Sample]) -> Figures:
    """Return by queue its mean and highest entries, its growth by the fitted line, and `flat`.

    A queue that is emptied in turns is a sawtooth, and where its teeth fall says nothing. It grows
    when its highest since the last third began is beyond `PEAK_SHARE` of the highest until then, or
    when its line rises more clearly over the settled time than `CLEAR_SCATTERS` times the scatter
    around it, which teeth of less than half that time cannot. Below `PEAK_ENTRIES` it is flat.
    """
    kept = settled(samples)
    found: Figures = {}
    for name in sorted({name for one in samples for name in one.queues}):
        values = [one.queues.get(name, 0) for one in kept]
        growth, scatter = _growth([one.at_s for one in kept], values)
        before, after = _highest(
            [one.at_s for one in samples], [one.queues.get(name, 0) for one in samples]
        )
        mean = sum(values) / len(values)
        rises = growth > max(GROWTH_SHARE * mean, CLEAR_SCATTERS * scatter)
        found[name] = {
            "mean": round(mean, 1),
            "highest": max(values),
            "highest_before_last_third": before,
            "highest_in_last_third": after,
            "growth": round(growth, 1),
            "flat": after <= PEAK_ENTRIES or (after <= PEAK_SHARE * before and not rises),
        }
    return found


def _growth(at_s: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """What the line of least squares rises by over the time, and the scatter around it."""
    rise = slope(at_s, values)
    at = np.asarray(at_s)
    if not len(at):
        return 0.0, 0.0
    rest = np.asarray(values, dtype=np.float64) - rise * at
    return rise * float(at[-1] - at[0]), float(rest.std())


def _highest(at_s: Sequence[float], values: Sequence[int]) -> tuple[int, int]:
    """The highest before the last third of the time, 0 without any, and in it."""
    last_s = at_s[-1] - (at_s[-1] - at_s[0]) / 3
    before = [value for at, value in zip(at_s, values, strict=True) if at < last_s]
    return max(before, default=0), max(values[len(before) :])


def sample_that_fits(*, meters: int, zones: int, free_bytes: int) -> int:
    """Return how many of the meters may report in memory of `free_bytes`; at least 1.

    Each of them is in the hot store of each of `zones`, with a day.
    """
    left = free_bytes - OTHER_BYTES - zones * meters * RESIDENT_BYTES_A_METER
    return min(meters, max(1, left // (zones * RESIDENT_BYTES_A_DAY)))


def cpu_shares(seconds: Mapping[str, float], *, wall_s: float, cores: int) -> dict[str, float]:
    """Return each group's share of the machine's cores over `wall_s` seconds."""
    return {name: round(used / (wall_s * cores), 4) for name, used in seconds.items()}


def nation_bars(
    *, steady: Figures, record: Figures, sample: Sequence[Figures], asked_rate: float
) -> Figures:
    """Return the bars: those of the nation's load, and that every reading is there, once."""
    rate = steady["readings_per_second"]
    share = round(sum(steady["cpu_shares"].values()), 4)
    verdicts = [*steady["memory"].values(), *steady["queues"].values()]
    flat = bool(verdicts) and all(one["flat"] for one in verdicts)
    slowest = min(one["readings_per_second"] for one in sample)
    once = record["found"] == record["distinct"] == record["sent"] == record["acknowledged"]
    return {
        "nation_p99_ms": {"value": steady["delay_ms"]["p99"], **_REPORTED},
        "nation_cpu_share": {"value": share, "target": CPU_SHARE, "met": share < CPU_SHARE},
        "nation_readings_per_second": {
            "value": rate,
            "target": round(asked_rate * RATE_KEPT),
            "met": rate >= asked_rate * RATE_KEPT,
        },
        "nation_flat": {"value": flat, "target": True, "met": flat},
        "nation_exactly_once": {"value": once, "target": True, "met": once},
        "sample_readings_per_second": {"value": slowest, **_REPORTED},
    }
