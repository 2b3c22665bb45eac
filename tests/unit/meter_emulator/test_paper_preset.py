"""The paper's laboratory load: its numbers, and the same integers each time."""

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest

from meter_emulator.paper_preset import DAYS, PaperFleet

FIRST = date(2026, 1, 1)


@pytest.fixture
def fleet() -> PaperFleet:
    return PaperFleet(tenant="lab", seed=1)


def test_ten_days_of_a_thousand_devices_are_20_000_readings(fleet: PaperFleet) -> None:
    days = [fleet.day(FIRST + timedelta(days=n))[0].energy_wh for n in range(DAYS)]

    assert sum(day.size for day in days) == 20_000
    assert len(set(fleet.meter_ids())) == fleet.series == 1_000


def test_a_household_takes_about_6_kw(fleet: PaperFleet) -> None:
    energy_wh = fleet.day(FIRST)[0].energy_wh.reshape(200, 5, 2)
    household_w = energy_wh.sum(axis=(1, 2)) / 24

    assert household_w.mean() == pytest.approx(6_000, rel=0.03)
    assert 3_000 < household_w.min() < household_w.max() < 9_000


def test_households_are_dealt_to_fifteen_stations(fleet: PaperFleet) -> None:
    homes = {meter["service_point"]: meter["feeder"] for meter in fleet.registry()}
    stations = Counter(homes.values())

    assert len(homes) == 200
    assert len(stations) == 15
    assert set(stations.values()) == {13, 14}


def test_the_same_seed_and_day_give_the_same_integers(fleet: PaperFleet) -> None:
    again, other = PaperFleet(tenant="lab", seed=1), PaperFleet(tenant="lab", seed=2)
    energy_wh = fleet.day(FIRST)[0].energy_wh

    assert np.array_equal(energy_wh, again.day(FIRST)[0].energy_wh)
    assert not np.array_equal(energy_wh, other.day(FIRST)[0].energy_wh)
    assert not np.array_equal(energy_wh, fleet.day(FIRST + timedelta(days=1))[0].energy_wh)
