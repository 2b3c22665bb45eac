"""A fleet is the same integers whenever its seed and day are the same."""

from datetime import date, timedelta

import numpy as np
import pytest

from meter_emulator.fleet import Fleet
from meter_emulator.load_profile import PROFILES

DAY = date(2026, 1, 1)


def fleet(*, tenant: str = "basra-power", count: int = 40, seed: int = 1) -> Fleet:
    return Fleet(tenant=tenant, count=count, seed=seed)


def test_same_seed_and_day_give_the_same_integers() -> None:
    assert np.array_equal(fleet().day_energy_wh(DAY), fleet().day_energy_wh(DAY))


@pytest.mark.parametrize(
    ("other", "day"),
    [
        pytest.param(fleet(seed=2), DAY, id="another_seed"),
        pytest.param(fleet(tenant="mosul-power"), DAY, id="another_tenant"),
        pytest.param(fleet(), DAY + timedelta(days=1), id="another_day"),
    ],
)
def test_anything_else_gives_other_integers(other: Fleet, day: date) -> None:
    assert not np.array_equal(fleet().day_energy_wh(DAY), other.day_energy_wh(day))


def test_a_bigger_fleet_starts_with_the_smaller_ones_meters() -> None:
    small, big = fleet(count=40), fleet(count=90)

    assert big.meter_ids()[:40] == small.meter_ids()
    assert np.array_equal(big.day_energy_wh(DAY)[:40], small.day_energy_wh(DAY))


def test_each_days_intervals_add_up_to_the_days_energy() -> None:
    for n in range(3):
        day = DAY + timedelta(days=n)
        energy = fleet().day_energy_wh(day)

        assert energy.dtype == np.int32
        assert energy.shape == (40, 96)
        assert energy.min() >= 0
        assert np.array_equal(energy.sum(axis=1), fleet().day_total_wh(day))


def test_a_year_of_days_is_near_each_meters_annual_consumption() -> None:
    homes = fleet(count=200)
    year = sum(homes.day_total_wh(DAY + timedelta(days=n)) for n in range(365))

    # The mean of 365 daily factors of sigma 0.15 stays within 5 % by six standard errors.
    assert year / homes.annual_wh() == pytest.approx(1.0, abs=0.05)


def test_the_mix_of_customers_is_the_stated_one() -> None:
    kinds = fleet(count=20_000).kinds()

    assert np.bincount(kinds, minlength=len(PROFILES)) / 20_000 == pytest.approx(
        [0.90, 0.08, 0.02], abs=0.01
    )


def test_the_registry_names_every_meter_once() -> None:
    registry = fleet().registry()

    assert [meter["meter_id"] for meter in registry] == fleet().meter_ids()
    assert registry[0]["meter_id"] == "B000001"
    assert {meter["interval_s"] for meter in registry} == {900}


@pytest.mark.parametrize(
    ("tenant", "count", "seed"), [("a", 0, 1), ("a", 1, -1), ("", 1, 1)], ids=str
)
def test_a_fleet_that_cannot_be_is_refused(tenant: str, count: int, seed: int) -> None:
    with pytest.raises(ValueError, match="a fleet needs"):
        fleet(tenant=tenant, count=count, seed=seed)
