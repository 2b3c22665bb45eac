"""From the raw figures of the ingest benchmark to its medians and bars."""

import statistics
from collections.abc import Sequence
from typing import Any, Final

from deploy.benchmarks.step import SHAPES

TARGETS: Final = {"series": 0.5, "list": 0.15}
SIZES: Final = (100, 1_000)
RATES: Final = ("readings_per_second", "readings_per_server_cpu_second")

Figures = dict[str, Any]


def medians(rounds: Sequence[Figures]) -> Figures:
    """Return each measurement's rates, medians over the rounds."""
    return {
        name: {rate: round(statistics.median(one[name][rate] for one in rounds)) for rate in RATES}
        for name in rounds[0]
    }


def bars(rounds: Sequence[Figures], *, forms: Sequence[str]) -> Figures:
    """Return a bar for each form of bodies: the lowest ratio over shapes and sizes.

    A ratio is our readings/s to those of COPY, of the same shape and in the same round, as a
    median over the rounds.
    """
    found: Figures = {}
    for form in forms:
        ratios = {
            f"{shape}_{size}": round(_ratio(rounds, f"{form}_{shape}_{size}", f"copy_{shape}"), 3)
            for shape in SHAPES
            for size in SIZES
        }
        value = min(ratios.values())
        found[f"edge_{form}_vs_copy"] = {
            "value": value,
            "target": TARGETS[form],
            "met": value >= TARGETS[form],
            "ratios": ratios,
        }
    return found


def _ratio(rounds: Sequence[Figures], ours: str, peer: str) -> float:
    rate = RATES[0]
    return float(statistics.median(one[ours][rate] / one[peer][rate] for one in rounds))
