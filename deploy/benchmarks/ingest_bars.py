"""From the raw figures of the ingest benchmark to its medians and bars."""

import statistics
from collections.abc import Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import Any, Final

from deploy.benchmarks.step import SHAPES

FORMS: Final = ("series", "list")
EDGE: Final = "edge"
WHOLE: Final = "whole"
WAYS: Final = (EDGE, WHOLE)
TARGETS: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {EDGE: {"series": 0.5, "list": 0.15}, WHOLE: {"series": 0.4, "list": 0.12}}
)
# Bytes, of a day of 96 intervals; keys and indexes included.
MOST_BYTES: Final = MappingProxyType(
    {"cold_bytes_per_reading": 15.0, "hot_bytes_per_reading": 16.0}
)
SIZES: Final = (100, 1_000)
RATES: Final = ("readings_per_second", "readings_per_server_cpu_second")

Figures = dict[str, Any]


def medians(rounds: Sequence[Figures]) -> Figures:
    """Return each measurement's rates, medians over the rounds."""
    return {
        name: {rate: round(statistics.median(one[name][rate] for one in rounds)) for rate in RATES}
        for name in rounds[0]
    }


def measurement(*, way: str, form: str, shape: str, size: int) -> str:
    """The name of one of our measurements."""
    name = f"{form}_{shape}_{size}"
    return name if way == EDGE else f"{way}_{name}"


def bars(
    rounds: Sequence[Figures], *, forms: Sequence[str], ways: Sequence[str] = (EDGE,)
) -> Figures:
    """Return a bar for each way and form of bodies: the lowest ratio over shapes and sizes.

    A ratio is our readings/s to those of COPY, of the same shape and in the same round, as a
    median over the rounds.
    """
    found: Figures = {}
    for way, form in product(ways, forms):
        ratios = {}
        for shape, size in product(SHAPES, SIZES):
            ours = measurement(way=way, form=form, shape=shape, size=size)
            ratios[f"{shape}_{size}"] = round(_ratio(rounds, ours, f"copy_{shape}"), 3)
        value, target = min(ratios.values()), TARGETS[way][form]
        found[f"edge_{form}_vs_copy" if way == EDGE else f"{form}_vs_copy"] = {
            "value": value,
            "target": target,
            "met": value >= target,
            "ratios": ratios,
        }
    return found


def size_bars(stored: Mapping[str, int], *, readings: int, headquarters: str) -> Figures:
    """Return the bars of what `readings` take up: cold at headquarters, hot in the worst zone.

    `stored` are bytes by zone.
    """
    values = {
        "cold_bytes_per_reading": stored[headquarters] / readings,
        "hot_bytes_per_reading": max(
            size / readings for zone, size in stored.items() if zone != headquarters
        ),
    }
    return {
        name: {
            "value": round(value, 2),
            "target": MOST_BYTES[name],
            "met": value <= MOST_BYTES[name],
        }
        for name, value in values.items()
    }


def _ratio(rounds: Sequence[Figures], ours: str, peer: str) -> float:
    rate = RATES[0]
    return float(statistics.median(one[ours][rate] / one[peer][rate] for one in rounds))
