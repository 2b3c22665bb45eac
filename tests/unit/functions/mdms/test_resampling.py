"""Sums, means and maxima, and what they say of intervals that are missing."""

from typing import Any

import numpy as np
import pytest

from functions.mdms.resampling import Resampled, adds_up
from storage.model.block import HAS_RAW, PRESENT, SLOT
from tests.unit.functions.mdms.bodies import MIDNIGHT


def slots(*values: int | None) -> np.ndarray:
    found = np.zeros(len(values), dtype=SLOT)
    for at, value in enumerate(values):
        if value is not None:
            found[at] = (value, value, 0, PRESENT | HAS_RAW, 0)
    return found


def buckets(*hours: int) -> Resampled:
    return Resampled.empty(MIDNIGHT + 3_600 * np.array(hours, dtype=np.int64))


def rows(found: Resampled, *, energy: bool = True) -> list[dict[str, Any]]:
    return [
        {name: row[name] for name in row if name not in ("from", "to")}
        for row in found.rows(energy=energy)
    ]


def add(found: Resampled, *values: int | None, hour: int = 0, interval_s: int = 900) -> None:
    first = (MIDNIGHT + hour * 3_600) // interval_s
    found.add(first=first, interval_s=interval_s, slots=slots(*values))


def test_energy_adds_up_and_says_what_is_missing() -> None:
    found = buckets(0, 1, 2, 3)
    add(found, 1, 2, 3, 4, 5, None, 0, 8, None, None, None, None)

    assert rows(found) == [
        {"sum": 10, "intervals": 4, "missing": 0},
        {"sum": 13, "intervals": 3, "missing": 1},
        {"sum": None, "intervals": 0, "missing": 4},
    ]
    assert found.rows(energy=True)[0]["from"] == "2026-01-01T00:00:00Z"
    assert found.rows(energy=True)[0]["to"] == "2026-01-01T01:00:00Z"


def test_demand_has_a_mean_and_a_maximum() -> None:
    found = buckets(0, 1, 2)
    add(found, -4, -1, None, -1, None, None, None, None)

    assert rows(found, energy=False) == [
        {"mean": -2.0, "max": -1, "intervals": 3, "missing": 1},
        {"mean": None, "max": None, "intervals": 0, "missing": 4},
    ]


def test_a_longer_interval_weighs_more_in_a_mean() -> None:
    found = buckets(0, 2)
    add(found, 100, interval_s=3_600)
    add(found, 0, 0, 0, 0, hour=1)

    assert rows(found, energy=False) == [{"mean": 50.0, "max": 100, "intervals": 5, "missing": 0}]


def test_parts_add_up_to_the_whole() -> None:
    whole, parts = buckets(0, 1, 2), buckets(0, 1, 2)
    add(whole, 1, 2, 3, 4, 5, 6, None, 8)
    add(parts, 1, 2, 3, 4)
    add(parts, 5, 6, None, 8, hour=1)

    assert rows(parts) == rows(whole)


def test_large_values_do_not_run_over() -> None:
    found = buckets(0, 24)
    add(found, *[2**31 - 1] * 96)

    assert rows(found)[0]["sum"] == 96 * (2**31 - 1)
    assert rows(found, energy=False)[0]["mean"] == 2**31 - 1


@pytest.mark.parametrize(
    ("register", "energy"),
    [
        ("1-0:1.8.0", True),
        ("1-0:2.8.1", True),
        ("1-0:1.29.0", True),
        ("1-0:1.7.0", False),
        ("1-0:1.6.0", False),
        ("1-0:32.7.0", False),
    ],
)
def test_which_registers_add_up(register: str, energy: bool) -> None:
    assert adds_up(register) is energy
