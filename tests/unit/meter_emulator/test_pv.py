"""The sun over Baghdad, against what almanacs say."""

from datetime import date

import numpy as np
import pytest

from meter_emulator.fleet import Fleet
from meter_emulator.meters import EXPORT_REGISTER, IMPORT_REGISTER
from meter_emulator.pv import Site, clear_day_hours, clear_sky_w_m2, cos_zenith

BAGHDAD = Site()
MINUTES = np.arange(1440, dtype=np.float64)


@pytest.mark.parametrize(
    ("day_of_year", "highest_degrees"),
    [
        pytest.param(172, 90 - 33.3 + 23.45, id="midsummer"),
        pytest.param(355, 90 - 33.3 - 23.45, id="midwinter"),
        pytest.param(81, 90 - 33.3, id="equinox"),
    ],
)
def test_the_noon_sun_stands_as_high_as_the_latitude_says(
    day_of_year: int, highest_degrees: float
) -> None:
    cosine = cos_zenith(day_of_year=day_of_year, utc_minutes=MINUTES, site=BAGHDAD)

    assert np.degrees(np.arcsin(cosine.max())) == pytest.approx(highest_degrees, abs=0.1)


def test_noon_in_baghdad_is_shortly_after_nine_utc() -> None:
    cosine = cos_zenith(day_of_year=105, utc_minutes=MINUTES, site=BAGHDAD)

    # Mid April: the equation of time is nearly nought, 44.4 degrees east are 178 minutes.
    assert int(cosine.argmax()) == pytest.approx(720 - 178, abs=3)


def test_the_day_of_an_equinox_is_twelve_hours_long() -> None:
    cosine = cos_zenith(day_of_year=81, utc_minutes=MINUTES, site=BAGHDAD)

    assert int(np.count_nonzero(cosine > 0)) == pytest.approx(720, abs=4)


def test_clear_sky_irradiance_at_known_heights() -> None:
    irradiance = clear_sky_w_m2(np.array([1.0, 0.5, 0.0, -0.3]))

    assert irradiance == pytest.approx([1035.1, 487.9, 0.0, 0.0], abs=0.1)


def test_a_clear_day_is_longer_in_summer_and_dark_at_night() -> None:
    june = clear_day_hours(day=date(2026, 6, 21), interval_s=900, site=BAGHDAD)
    december = clear_day_hours(day=date(2026, 12, 21), interval_s=900, site=BAGHDAD)

    assert june.shape == (96,)
    assert 7.5 < june.sum() < 9.0
    assert 3.0 < december.sum() < 4.5
    # 21:00 UTC is midnight in Baghdad.
    assert june[80:90].sum() == 0


def test_homes_with_panels_export_what_they_do_not_use() -> None:
    fleet = Fleet(tenant="basra", count=60, seed=1, pv_share=0.4)
    day = date(2026, 6, 21)
    taken, given = fleet.day(day)
    rows = fleet.pv_rows()
    load, made = fleet.day_energy_wh(day), fleet.pv_energy_wh(day)

    assert (taken.register, given.register) == (IMPORT_REGISTER, EXPORT_REGISTER)
    assert given.rows.tolist() == rows.tolist()
    assert 12 <= len(rows) <= 36
    assert fleet.series == 60 + len(rows)
    assert np.array_equal(taken.energy_wh[rows] - given.energy_wh, load[rows] - made)
    assert taken.energy_wh.min() == 0 == given.energy_wh.min()
    assert given.energy_wh.sum() > 0
    without = np.setdiff1d(np.arange(60), rows)
    assert np.array_equal(taken.energy_wh[without], load[without])


def test_the_registry_gives_an_export_register_to_homes_with_panels_only() -> None:
    fleet = Fleet(tenant="basra", count=60, seed=1, pv_share=0.4)
    panels = [n for n, m in enumerate(fleet.registry()) if EXPORT_REGISTER in m["registers"]]

    assert panels == fleet.pv_rows().tolist()


def test_without_panels_there_is_no_export_register() -> None:
    assert [one.register for one in Fleet(tenant="b", count=5, seed=1).day(date(2026, 6, 21))] == [
        IMPORT_REGISTER
    ]
