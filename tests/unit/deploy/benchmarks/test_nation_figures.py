"""The nation's verdicts: what is flat, what grows, and which share of the machine was used."""

import functools
from collections.abc import Callable
from typing import Any

import pytest

from deploy.benchmarks.nation_figures import (
    MOST_BYTES_A_NEW_DAY,
    Sample,
    cpu_shares,
    memory_verdicts,
    nation_bars,
    queue_verdicts,
    sample_that_fits,
    settled,
    slope,
)

MIB = 1 << 20
STORES = {"valkey-zone-2": "zone-2"}


def seen(
    at_s: float, *, worker: int = 0, store: int = 0, queue: int = 0, answered: int = 0
) -> Sample:
    return Sample(
        at_s=at_s,
        memory={"mdms-zone-2": worker, "valkey-zone-2": store + 100 * MIB},
        stores={"zone-2": store},
        queues={"uplink-zone-3a": queue},
        answered=answered,
    )


def test_the_slope_is_that_of_the_line_of_least_squares() -> None:
    assert slope([0, 10, 20, 30], [5, 25, 45, 65]) == pytest.approx(2.0)
    assert slope([0, 1, 2], [1, 4, 1]) == pytest.approx(0.0)
    assert slope([7], [1]) == slope([], []) == 0.0


def test_the_first_third_is_the_way_into_a_steady_state() -> None:
    samples = [seen(at_s) for at_s in range(0, 91, 10)]

    assert [one.at_s for one in settled(samples)] == [30, 40, 50, 60, 70, 80, 90]
    assert settled([]) == []


def memory_of(mib: Callable[[float], float]) -> dict[str, Any]:
    """The verdict on a worker of `mib` MiB by second, seen for ten minutes."""
    samples = [seen(at_s, worker=round(mib(at_s) * MIB)) for at_s in range(0, 601, 5)]
    found: dict[str, Any] = memory_verdicts(samples, stores=STORES)["mdms-zone-2"]
    return found


@pytest.mark.parametrize(
    ("mib", "flat"),
    [
        pytest.param(lambda at_s: min(900, 100 + 5 * at_s), True, id="filled_up_before"),
        pytest.param(lambda at_s: min(430, 100 + at_s), True, id="a_cache_fills_and_is_full"),
        pytest.param(lambda at_s: 100 if at_s < 290 else 230, True, id="work_of_a_new_kind"),
        pytest.param(lambda at_s: 100 + at_s / 2, False, id="fills_and_fills"),
        pytest.param(lambda at_s: 900 + at_s / 5, False, id="slowly_beside_much"),
        pytest.param(lambda at_s: 60 + at_s / 20, False, id="slowly_beside_little"),
        pytest.param(lambda at_s: 900 - at_s / 5, True, id="shrinks"),
        pytest.param(lambda at_s: 40 + at_s / 50, True, id="little"),
        pytest.param(lambda at_s: 60 + 30 * (at_s % 35 < 10), True, id="what_work_needs"),
        pytest.param(
            lambda at_s: 60 + 30 * (at_s > 400 and at_s % 15 < 10), True, id="more_work_lately"
        ),
        pytest.param(
            lambda at_s: 60 + 30 * (at_s % 35 < 10) + at_s / 10, False, id="work_leaves_some"
        ),
        pytest.param(lambda at_s: 60 + 15 * (at_s // 90), False, id="step_by_step"),
    ],
)
def test_memory_is_flat_unless_what_is_held_rises_beyond_all_before(
    mib: Callable[[float], float], flat: bool
) -> None:
    assert memory_of(mib)["flat"] is flat


def test_the_verdict_on_memory_says_what_it_goes_by() -> None:
    assert memory_of(lambda at_s: 100 + at_s) == {
        "first": 300 * MIB,
        "last": 700 * MIB,
        "highest": 700 * MIB,
        "held_before_last_third": 490 * MIB,
        "held_in_last_third": 700 * MIB,
        "growth": 390 * MIB,
        "flat": False,
    }


@pytest.mark.parametrize(
    ("bytes_a_reading", "flat"),
    [
        pytest.param(1_300, True, id="days_of_new_meters"),
        pytest.param(MOST_BYTES_A_NEW_DAY + 100, False, id="more_than_they_take_up"),
    ],
)
def test_a_store_may_grow_by_what_it_stores(bytes_a_reading: int, flat: bool) -> None:
    samples = [
        seen(at_s, store=round(at_s * 11_000 * bytes_a_reading), answered=at_s * 11_000)
        for at_s in range(0, 601, 5)
    ]

    found = memory_verdicts(samples, stores=STORES)["valkey-zone-2"]

    assert found["bytes_a_new_meter_day"] == pytest.approx(bytes_a_reading, abs=0.1)
    assert found["growth"] == round(400 * 11_000 * bytes_a_reading)
    assert found["flat"] is flat


def test_a_store_that_was_given_nothing_must_not_grow() -> None:
    same = [seen(at_s, store=500 * MIB) for at_s in range(0, 60, 5)]

    assert memory_verdicts(same, stores=STORES)["valkey-zone-2"]["flat"]


def queue_of(entries: Callable[[float], float]) -> dict[str, Any]:
    """The verdict on a queue of `entries` by second, seen for ten minutes."""
    samples = [seen(at_s, queue=round(entries(at_s))) for at_s in range(0, 601, 5)]
    found: dict[str, Any] = queue_verdicts(samples)["uplink-zone-3a"]
    return found


def _at_phase(tooth: Callable[[float], float], period_s: int, phase_s: int, at_s: float) -> float:
    return tooth((at_s + phase_s) % period_s / period_s)


@pytest.mark.parametrize("period_s", [7, 47, 90, 130, 199])
@pytest.mark.parametrize(
    "tooth",
    [
        pytest.param(lambda part: 2_000 * part, id="fills_and_is_taken_at_once"),
        pytest.param(lambda part: 2_000 * (1 - part), id="comes_at_once_and_is_worked_off"),
        pytest.param(lambda part: 1_500 + 2_000 * part, id="never_empty"),
    ],
)
def test_a_sawtooth_is_flat_wherever_its_teeth_fall(
    period_s: int, tooth: Callable[[float], float]
) -> None:
    for phase_s in range(0, period_s, 3):
        shifted = functools.partial(_at_phase, tooth, period_s, phase_s)
        assert queue_of(shifted)["flat"], phase_s


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param(lambda at_s: at_s, id="from_nothing"),
        pytest.param(lambda at_s: 0.4 * at_s, id="slowly_from_nothing"),
        pytest.param(lambda at_s: 1_000 + 0.3 * at_s, id="slowly_beside_what_always_waits"),
        pytest.param(lambda at_s: 5_000 if at_s < 30 else at_s, id="after_a_crowded_beginning"),
        pytest.param(lambda at_s: at_s % 60 * 20 + 2 * at_s, id="teeth_that_leave_more_behind"),
        pytest.param(lambda at_s: at_s % 60 / 60 * 5 * at_s, id="longer_and_longer_teeth"),
    ],
)
def test_a_queue_that_grows_is_not_flat(entries: Callable[[float], float]) -> None:
    assert not queue_of(entries)["flat"]


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param(lambda at_s: 0, id="nothing"),
        pytest.param(lambda at_s: at_s / 4, id="next_to_nothing"),
        pytest.param(lambda at_s: 3_000 - 4 * at_s, id="shrinks"),
        pytest.param(lambda at_s: 1_000 + 10 * (at_s % 10), id="steady"),
    ],
)
def test_a_queue_that_does_not_grow_is_flat(entries: Callable[[float], float]) -> None:
    assert queue_of(entries)["flat"]


def test_the_verdict_on_a_queue_says_what_it_goes_by() -> None:
    assert queue_of(lambda at_s: at_s) == {
        "mean": 400.0,
        "highest": 600,
        "highest_before_last_third": 395,
        "highest_in_last_third": 600,
        "growth": 400.0,
        "flat": False,
    }
    assert queue_verdicts([]) == {}


def test_shares_are_of_all_cores() -> None:
    assert cpu_shares({"postgres": 30.0, "gateway": 6.0}, wall_s=60.0, cores=2) == {
        "postgres": 0.25,
        "gateway": 0.05,
    }


def bars_of(
    *, found: int = 300, distinct: int = 300, rate: float = 11_112.0, cpu: float = 0.6
) -> dict[str, Any]:
    samples = [seen(at_s) for at_s in range(0, 60, 5)]
    steady = {
        "readings_per_second": rate,
        "delay_ms": {"p50": 10.0, "p99": 44.0},
        "cpu_shares": {"postgres": 0.1, "mdms-zone-2": cpu - 0.1},
        "memory": memory_verdicts(samples, stores=STORES),
        "queues": queue_verdicts(samples),
    }
    record = {"sent": 300, "acknowledged": 300, "found": found, "distinct": distinct}
    sample = [{"readings_per_second": 9_000}, {"readings_per_second": 7_000}]
    return nation_bars(steady=steady, record=record, sample=sample, asked_rate=11_112.0)


def test_all_bars_are_met_by_a_nation_that_fits() -> None:
    bars = bars_of()

    assert bars["nation_p99_ms"]["value"] == 44.0
    assert bars["nation_cpu_share"]["value"] == pytest.approx(0.6)
    assert bars["sample_readings_per_second"]["value"] == 7_000
    assert all(bar["met"] for bar in bars.values())


@pytest.mark.parametrize(
    ("bar", "changed"),
    [
        pytest.param("nation_exactly_once", {"found": 299, "distinct": 299}, id="one_lost"),
        pytest.param("nation_exactly_once", {"found": 301, "distinct": 300}, id="one_twice"),
        pytest.param("nation_cpu_share", {"cpu": 1.0}, id="nothing_to_spare"),
        pytest.param("nation_readings_per_second", {"rate": 10_900.0}, id="too_slow"),
    ],
)
def test_what_is_wrong_fails_its_own_bar(bar: str, changed: dict[str, Any]) -> None:
    bars = bars_of(**changed)

    assert {name for name, one in bars.items() if not one["met"]} == {bar}


@pytest.mark.parametrize(
    ("free_gib", "sample"),
    [
        pytest.param(64, 10_000_000, id="all_of_them"),
        pytest.param(22, 4_331_197, id="as_many_as_fit"),
        pytest.param(8, 1, id="hardly_any"),
    ],
)
def test_so_many_report_as_memory_has_room_for(free_gib: int, sample: int) -> None:
    free = free_gib * 1024 * MIB

    assert sample_that_fits(meters=10_000_000, zones=2, free_bytes=free) == sample
