"""Every delivery is in exactly one body, in the shape asked for."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from meter_emulator.bodies import Body, backfill_bodies, live_bodies
from meter_emulator.deliveries import Deliveries, unix_midnight, whole_day
from meter_emulator.meters import RegisterDay

DAY = date(2026, 1, 1)
REGISTER = "1-0:1.8.0"
IDS = [f"B{n:06}" for n in range(1, 8)]
ENERGY = np.arange(7 * 96, dtype=np.int32).reshape(7, 96)


def day_of_readings() -> Deliveries:
    register = RegisterDay(register=REGISTER, rows=np.arange(7), energy_wh=ENERGY)
    return whole_day(registers=[register], day=DAY, interval_s=900, first_cell=0)


def live(deliveries: Deliveries, size: int) -> list[Body]:
    return list(
        live_bodies(
            deliveries=deliveries,
            meter_ids=IDS,
            registers=[REGISTER],
            interval_s=900,
            per_body=size,
        )
    )


def backfill(deliveries: Deliveries, size: int) -> list[Body]:
    return list(
        backfill_bodies(
            deliveries=deliveries,
            meter_ids=IDS,
            registers=[REGISTER],
            interval_s=900,
            per_body=size,
        )
    )


def readings(body: Body) -> Iterator[tuple[str, int, int]]:
    """Yield (meter, slot, value) in the order in which the platform answers."""
    series: dict[str, Any]
    for series in json.loads(body.payload)["series"]:
        at = datetime.fromisoformat(series.get("at") or series["start"])
        slot = int((at - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds()) // 900
        for n, value in enumerate(series["values"]):
            if "at" in series:
                yield series["meter_ids"][n], slot, value
            else:
                yield series["meter_id"], slot + n, value


@pytest.mark.parametrize("size", [1, 3, 7, 100])
@pytest.mark.parametrize("cut", [live, backfill])
def test_bodies_hold_each_reading_once_beside_its_cell(cut: Any, size: int) -> None:
    seen: set[int] = set()
    for body in cut(day_of_readings(), size):
        assert len(body.cells) == sum(body.series)
        for cell, (meter, slot, value) in zip(body.cells.tolist(), readings(body), strict=True):
            assert cell == IDS.index(meter) * 96 + slot == value
            seen.add(cell)

    assert seen == set(range(7 * 96))


def test_live_sends_one_instant_of_many_meters_in_order_of_time() -> None:
    bodies = live(day_of_readings(), 100)

    assert len(bodies) == 96
    assert json.loads(bodies[1].payload) == {
        "series": [
            {
                "at": "2026-01-01T00:15:00Z",
                "interval_s": 900,
                "register": REGISTER,
                "meter_ids": IDS,
                "values": ENERGY[:, 1].tolist(),
            }
        ]
    }


def test_backfill_sends_a_meters_whole_day_a_series() -> None:
    bodies = backfill(day_of_readings(), 4)

    assert [body.series for body in bodies] == [(96,) * 4, (96,) * 3]
    first = json.loads(bodies[0].payload)["series"][0]
    assert first["start"] == "2026-01-01T00:00:00Z"
    assert first["values"] == ENERGY[0].tolist()


def test_a_gap_cuts_a_backfilled_series_in_two() -> None:
    kept = np.delete(np.arange(7 * 96), 10)
    series = json.loads(backfill(day_of_readings().take(kept), 8)[0].payload)["series"]

    assert [len(one["values"]) for one in series[:3]] == [10, 85, 96]
    assert series[1]["start"] == "2026-01-01T02:45:00Z"


def test_a_late_reading_travels_with_its_wave_under_its_own_instant() -> None:
    on_time = day_of_readings()
    wave = on_time.wave.copy()
    wave[0] = 5
    late = replace(on_time, wave=wave)
    bodies = live(late, 100)

    assert bodies[0].series == (6,)
    assert bodies[5].series == (1, 7)
    assert json.loads(bodies[5].payload)["series"][0]["at"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("cut", [live, backfill])
def test_a_second_copy_is_sent_in_a_later_body(cut: Any) -> None:
    once = day_of_readings()
    again = once.take(np.concatenate([np.arange(7 * 96), [3]]))
    again.wave[-1] += 1
    bodies = cut(again, 100)

    holding = [n for n, body in enumerate(bodies) if 3 in body.cells.tolist()]
    assert len(holding) == 2


@pytest.mark.parametrize("cut", [live, backfill])
def test_nothing_to_deliver_is_no_body(cut: Any) -> None:
    assert cut(day_of_readings().take(np.array([], dtype=np.int64)), 100) == []


def test_midnight_is_utc() -> None:
    assert unix_midnight(DAY) == 1_767_225_600


@pytest.mark.parametrize("cut", [live_bodies, backfill_bodies])
def test_registers_are_kept_apart(cut: Any) -> None:
    taken = RegisterDay(register="1-0:1.8.0", rows=np.arange(7), energy_wh=ENERGY)
    given = RegisterDay(register="1-0:2.8.0", rows=np.array([2, 5]), energy_wh=ENERGY[:2] + 9_000)
    both = whole_day(registers=[taken, given], day=DAY, interval_s=900, first_cell=500)
    exported: dict[str, int] = {}
    cells: list[int] = []
    for body in cut(
        deliveries=both,
        meter_ids=IDS,
        registers=["1-0:1.8.0", "1-0:2.8.0"],
        interval_s=900,
        per_body=100,
    ):
        cells += body.cells.tolist()
        for series in json.loads(body.payload)["series"]:
            names = series.get("meter_ids") or [series["meter_id"]] * len(series["values"])
            for name, value in zip(names, series["values"], strict=True):
                assert (value >= 9_000) == (series["register"] == "1-0:2.8.0")
                exported[name] = exported.get(name, 0) + (value >= 9_000)

    assert sorted(cells) == list(range(500, 500 + 9 * 96))
    assert {name for name, count in exported.items() if count} == {IDS[2], IDS[5]}


@pytest.mark.parametrize("cut", [live, backfill])
def test_the_quality_of_a_reading_travels_with_it_and_valid_goes_unsaid(
    cut: Callable[[Deliveries, int], list[Body]],
) -> None:
    clean = day_of_readings()
    quality = np.where(clean.meter == 2, 10, 0)
    quality[(clean.meter == 4) & (clean.wave == 7)] = 10
    marked = {(IDS[2], slot) for slot in range(96)} | {(IDS[4], 7)}

    found = set()
    for body in cut(replace(clean, quality=quality), 3):
        for code, (meter, slot, _) in zip(qualities(body), readings(body), strict=True):
            if code == 10:
                found.add((meter, slot))

    assert found == marked
    assert all(b'"quality"' not in body.payload for body in cut(clean, 3))


def qualities(body: Body) -> Iterator[int]:
    """Yield the quality of each reading; a series of valid ones says none."""
    for series in json.loads(body.payload)["series"]:
        code = series.get("quality", 0)
        codes = code if isinstance(code, list) else [code] * len(series["values"])
        assert any(codes) is ("quality" in series)
        yield from codes
