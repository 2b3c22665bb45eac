"""Each fault does what it says, to the share of readings it is told, the same every time."""

from datetime import date

import numpy as np
import pytest

from meter_emulator.deliveries import Deliveries, whole_day
from meter_emulator.faults import (
    FAULTS,
    LATEST_WAVES,
    LONGEST_GAP_SLOTS,
    MOST_DRIFT_S,
    SPIKE_FACTOR,
    apply_faults,
)
from meter_emulator.meters import RegisterDay

METERS = 200
READINGS = METERS * 96
SEED = [1, 2, 3]


@pytest.fixture
def clean() -> Deliveries:
    energy = np.arange(1, READINGS + 1, dtype=np.int32).reshape(METERS, 96)
    register = RegisterDay(register="1-0:1.8.0", rows=np.arange(METERS), energy_wh=energy)
    return whole_day(registers=[register], day=date(2026, 1, 1), interval_s=900, first_cell=5_000)


def with_fault(clean: Deliveries, name: str, rate: float) -> tuple[Deliveries, int]:
    faulty, touched = apply_faults(clean, rates={name: rate}, seed=SEED)
    assert list(touched) == [name]
    return faulty, touched[name]


def columns(deliveries: Deliveries) -> np.ndarray:
    names = ("meter", "register", "instant_s", "value", "wave", "cell")
    return np.stack([getattr(deliveries, name) for name in names])


@pytest.mark.parametrize("name", FAULTS)
def test_the_same_seed_does_the_same_and_another_does_not(clean: Deliveries, name: str) -> None:
    first = apply_faults(clean, rates={name: 0.1}, seed=SEED)[0]
    again = apply_faults(clean, rates={name: 0.1}, seed=SEED)[0]
    other = apply_faults(clean, rates={name: 0.1}, seed=[9])[0]

    assert np.array_equal(columns(first), columns(again))
    assert not np.array_equal(columns(first), columns(other))


@pytest.mark.parametrize("name", FAULTS)
def test_rate_nought_changes_nothing(clean: Deliveries, name: str) -> None:
    faulty, touched = apply_faults(clean, rates={name: 0.0}, seed=SEED)

    assert np.array_equal(columns(faulty), columns(clean))
    assert touched == {}


@pytest.mark.parametrize("name", ["duplicate", "late", "negative", "spike", "roll-over"])
def test_the_share_touched_is_the_rate(clean: Deliveries, name: str) -> None:
    assert with_fault(clean, name, 0.1)[1] / READINGS == pytest.approx(0.1, abs=0.015)


def test_gaps_are_short_runs_of_one_meter(clean: Deliveries) -> None:
    faulty, lost = with_fault(clean, "gap", 0.01)

    assert len(faulty) == READINGS - lost
    assert 0.01 * READINGS < lost < 0.01 * READINGS * LONGEST_GAP_SLOTS
    kept = np.zeros(READINGS, dtype=bool)
    kept[faulty.cell - 5_000] = True
    some = [meter for meter in kept.reshape(METERS, 96) if not meter.all()]
    assert any(np.diff(np.flatnonzero(meter), prepend=-1, append=96).max() > 2 for meter in some)


def test_a_gap_does_not_run_on_into_the_next_meter(clean: Deliveries) -> None:
    last_slot = np.full(READINGS, 0.999)
    # Deepest below the rate draws the shortest run, just below it the longest.
    last_slot[95] = 0.00999
    faulty, lost = FAULTS["gap"](clean, 0.01, last_slot)

    assert lost == 1
    assert 5_096 in faulty.cell


def test_duplicates_are_second_copies_one_wave_later(clean: Deliveries) -> None:
    faulty, count = with_fault(clean, "duplicate", 0.1)
    copies = faulty.take(np.arange(READINGS, READINGS + count))
    originals = clean.take(copies.cell - 5_000)

    assert len(faulty) == READINGS + count
    assert np.array_equal(copies.wave, originals.wave + 1)
    assert np.array_equal(copies.value, originals.value)
    assert np.array_equal(copies.instant_s, originals.instant_s)


def test_late_readings_keep_their_instant(clean: Deliveries) -> None:
    faulty, count = with_fault(clean, "late", 0.1)
    delay = faulty.wave - clean.wave

    assert int(np.count_nonzero(delay)) == count
    assert delay.min() == 0
    assert delay.max() == LATEST_WAVES
    assert np.array_equal(faulty.instant_s, clean.instant_s)


def test_out_of_order_exchanges_neighbours_of_one_meter(clean: Deliveries) -> None:
    faulty, count = with_fault(clean, "out-of-order", 0.1)
    moved = faulty.wave - clean.wave

    assert set(moved.tolist()) == {-1, 0, 1}
    assert int(np.count_nonzero(moved == 1)) == count == int(np.count_nonzero(moved == -1))
    before, after = np.flatnonzero(moved == 1), np.flatnonzero(moved == -1)
    assert np.array_equal(before + 1, after)
    assert np.array_equal(clean.meter[before], clean.meter[after])


def test_a_drifting_clock_is_off_all_day_and_off_the_grid(clean: Deliveries) -> None:
    faulty, count = with_fault(clean, "clock-drift", 0.1)
    offset = (faulty.instant_s - clean.instant_s).reshape(METERS, 96)
    drifting = offset[:, 0] != 0

    assert (offset == offset[:, :1]).all()
    assert count == 96 * int(drifting.sum())
    assert drifting.mean() == pytest.approx(0.1, abs=0.07)
    assert 0 < np.abs(offset).max() <= MOST_DRIFT_S
    assert offset.min() < 0 < offset.max()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("negative", lambda value: -value, id="wired_the_wrong_way_round"),
        pytest.param("spike", lambda value: value * SPIKE_FACTOR, id="far_above"),
        pytest.param("roll-over", lambda value: value - 10**8, id="dials_back_to_zero"),
    ],
)
def test_faults_of_value(clean: Deliveries, name: str, expected: object) -> None:
    faulty, count = with_fault(clean, name, 0.1)
    changed = np.flatnonzero(faulty.value != clean.value)

    assert len(changed) == count
    assert callable(expected)
    assert np.array_equal(faulty.value[changed], expected(clean.value[changed]))


def test_a_fault_hits_the_same_readings_whatever_else_is_on(clean: Deliveries) -> None:
    alone, _ = apply_faults(clean, rates={"spike": 0.05}, seed=SEED)
    together, touched = apply_faults(clean, rates={"spike": 0.05, "gap": 0.05}, seed=SEED)

    assert np.array_equal(together.value, alone.value[together.cell - 5_000])
    assert touched["gap"] == READINGS - len(together)


@pytest.mark.parametrize("rates", [{"gremlin": 0.1}, {"gap": -0.1}, {"gap": 1.5}])
def test_an_unknown_fault_or_rate_is_refused(clean: Deliveries, rates: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="one of negative, spike"):
        apply_faults(clean, rates=rates, seed=SEED)
