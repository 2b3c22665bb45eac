"""The kept profiles are the published ones, and a year of shares is a year."""

import hashlib
from datetime import date
from importlib import resources

import numpy as np
import pytest

from meter_emulator.load_profile import (
    EUROPE_WEEK,
    IRAQ_WEEK,
    PROFILES,
    LocalCalendar,
    day_shares,
    dynamisation,
    profile_table,
    season_of,
    year_of_shares,
)

BERLIN = LocalCalendar(time_zone="Europe/Berlin", week=EUROPE_WEEK)


def test_the_data_file_is_the_one_its_readme_describes() -> None:
    folder = resources.files("meter_emulator.profiles")
    digest = hashlib.sha256(folder.joinpath("standard.csv").read_bytes()).hexdigest()

    assert digest in folder.joinpath("README.md").read_text("utf-8")


@pytest.mark.parametrize("profile", PROFILES)
def test_the_published_watts_make_1000_kwh_of_the_year_they_were_normalised_for(
    profile: str,
) -> None:
    days = np.arange(np.datetime64("2023-01-01"), np.datetime64("2024-01-01")).tolist()
    table = profile_table(profile)
    watts = sum(table[season_of(day), EUROPE_WEEK[day.weekday()]].sum() for day in days)

    assert watts / 4 == pytest.approx(1_000_000, rel=1e-6)


def test_the_first_watts_of_a_households_winter_workday() -> None:
    assert profile_table("h0")[0, 0, :4].tolist() == [67.6968, 60.9271, 54.9586, 49.9915]


@pytest.mark.parametrize(
    ("day", "season"),
    [
        pytest.param(date(2026, 3, 20), 0, id="last_of_winter"),
        pytest.param(date(2026, 3, 21), 1, id="first_of_spring_transition"),
        pytest.param(date(2026, 5, 15), 2, id="first_of_summer"),
        pytest.param(date(2026, 9, 14), 2, id="last_of_summer"),
        pytest.param(date(2026, 9, 15), 1, id="first_of_autumn_transition"),
        pytest.param(date(2026, 11, 1), 0, id="first_of_winter"),
    ],
)
def test_seasons(day: date, season: int) -> None:
    assert season_of(day) == season


def test_dynamisation_lifts_winter_and_lowers_summer() -> None:
    january, july = dynamisation(np.array([1, 182]))

    assert january == pytest.approx(1.24203, abs=1e-5)
    assert july == pytest.approx(0.79594, abs=1e-5)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("year", [2026, 2028])
@pytest.mark.parametrize("week", [IRAQ_WEEK, EUROPE_WEEK])
def test_a_calendar_years_shares_add_up_to_one(
    profile: str, year: int, week: tuple[int, ...]
) -> None:
    shares = year_of_shares(profile=profile, year=year, week=week)

    assert shares.shape == (366 if year == 2028 else 365, 96)
    assert shares.sum() == pytest.approx(1.0, abs=1e-12)
    assert (shares > 0).all()


def test_a_utc_day_follows_the_local_clock() -> None:
    year = year_of_shares(profile="h0", year=2026)
    shares = day_shares(
        profile="h0", day=date(2026, 1, 5), interval_s=900, calendar=LocalCalendar()
    )

    # Baghdad is three hours ahead, all year.
    assert shares[:84].tolist() == year[4, 12:].tolist()
    assert shares[84:].tolist() == year[5, :12].tolist()


def test_when_clocks_go_forward_a_local_hour_is_missing_and_none_is_invented() -> None:
    year = year_of_shares(profile="h0", year=2026, week=EUROPE_WEEK)
    shares = day_shares(profile="h0", day=date(2026, 3, 29), interval_s=900, calendar=BERLIN)

    # 00:00 UTC is 01:00 local; at 01:00 UTC the local clock jumps from 02:00 to 03:00.
    assert shares[:4].tolist() == year[87, 4:8].tolist()
    assert shares[4:8].tolist() == year[87, 12:16].tolist()


def test_half_days_hold_the_energy_of_their_quarter_hours() -> None:
    day, calendar = date(2026, 6, 1), LocalCalendar()
    quarters = day_shares(profile="g0", day=day, interval_s=900, calendar=calendar)
    halves = day_shares(profile="g0", day=day, interval_s=43_200, calendar=calendar)

    assert halves == pytest.approx([quarters[:48].sum(), quarters[48:].sum()])


@pytest.mark.parametrize("interval_s", [60, 1_000, 50_400])
def test_an_interval_that_quarter_hours_do_not_make_is_refused(interval_s: int) -> None:
    with pytest.raises(ValueError, match="quarter hours"):
        day_shares(
            profile="h0", day=date(2026, 1, 1), interval_s=interval_s, calendar=LocalCalendar()
        )
