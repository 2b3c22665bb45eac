"""A group of meters as one, and how much of it was there."""

import numpy as np

from functions.mdms.group_sums import GroupSums
from functions.mdms.resampling import Resampled
from storage.model.block import HAS_RAW, PRESENT, SLOT
from tests.unit.functions.mdms.bodies import MIDNIGHT

BOUNDS = MIDNIGHT + 3_600 * np.arange(3, dtype=np.int64)


def of_meter(*values: int | None) -> Resampled:
    slots = np.zeros(len(values), dtype=SLOT)
    for at, value in enumerate(values):
        if value is not None:
            slots[at] = (value, value, 0, PRESENT | HAS_RAW, 0)
    found = Resampled.empty(BOUNDS)
    found.add(first=MIDNIGHT // 1_800, interval_s=1_800, slots=slots)
    return found


def group(*meters: Resampled) -> GroupSums:
    sums = GroupSums(BOUNDS)
    for one in meters:
        sums.add(one)
    return sums


def test_energy_and_coverage_add_up() -> None:
    sums = group(of_meter(1, 2, 3, None), of_meter(10, None, None, None), of_meter(*[None] * 4))

    first, second = sums.rows(energy=True)
    assert (sums.meters, sums.with_values) == (3, 2)
    assert first == {
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-01-01T01:00:00Z",
        "sum": 13,
        "with_values": 2,
        "complete": 1,
        "intervals": 3,
        "missing": 3,
    }
    assert (second["sum"], second["with_values"], second["complete"]) == (3, 1, 0)


def test_demand_is_the_sum_of_the_meters_means() -> None:
    first, second = group(of_meter(100, 300, None, None), of_meter(50, None, None, None)).rows(
        energy=False
    )

    assert first["mean"] == 250.0
    assert second["mean"] is None


def test_a_group_of_none_has_no_values() -> None:
    assert [row["sum"] for row in group().rows(energy=True)] == [None, None]
