"""From the first replies of the cold-start benchmark to its percentiles and bars."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

TARGETS: Final[Mapping[str, float]] = {
    "process_raw": 60.0,
    "process_fastapi": 150.0,
    "docker_resumed": 60.0,
}
"""Milliseconds that the 95th percentile may have."""
BARS: Final[Mapping[str, str]] = {
    "process_raw": "process_raw_p95_ms",
    "process_fastapi": "process_fastapi_p95_ms",
    "docker_resumed": "resumed_p95_ms",
}

Figures = dict[str, Any]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile: the smallest value that `share` of all do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def summary(rounds: Sequence[Mapping[str, float]]) -> Figures:
    """Return p50 and p95 of each figure over the rounds, in milliseconds."""
    return {
        name: {
            "p50_ms": round(percentile([one[name] for one in rounds], 0.5), 1),
            "p95_ms": round(percentile([one[name] for one in rounds], 0.95), 1),
            "starts": len(rounds),
        }
        for name in rounds[0]
    }


def bars(found: Mapping[str, Figures]) -> Figures:
    """Return the bars of what was measured."""
    return {
        BARS[name]: {
            "value": found[name]["p95_ms"],
            "target": target,
            "met": found[name]["p95_ms"] <= target,
        }
        for name, target in TARGETS.items()
        if name in found
    }
