"""Standard load profiles: which share of a year's energy falls into each interval of a UTC day."""

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

PROFILES = ("h0", "g0", "l0")
SEASONS = ("winter", "transition", "summer")
DAY_TYPES = ("workday", "saturday", "sunday")
QUARTERS = 96

IRAQ_WEEK = (0, 0, 0, 0, 2, 1, 0)
"""Day type of Monday to Sunday where Friday is the day of rest and Saturday the half day."""

EUROPE_WEEK = (0, 0, 0, 0, 0, 1, 2)
"""Day type of Monday to Sunday as the profiles' authors meant it."""

_SEASON_STARTS = ((101, 0), (321, 1), (515, 2), (915, 1), (1101, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCalendar:
    """Where a fleet lives: its time zone and which weekday counts as which day type."""

    time_zone: str = "Asia/Baghdad"
    week: tuple[int, ...] = IRAQ_WEEK


@cache
def profile_table(profile: str) -> NDArray[np.float64]:
    """Return watts at 1,000 kWh a year, shaped (season, day type, quarter hour).

    Raises:
        KeyError: no such profile.
    """
    text = resources.files("meter_emulator.profiles").joinpath("standard.csv").read_text("ascii")
    rows = {
        (row[0], row[1], row[2]): [float(value) for value in row[3:]]
        for row in csv.reader(text.splitlines()[1:])
    }
    table = np.array(
        [[rows[profile, season, kind] for kind in DAY_TYPES] for season in SEASONS],
        dtype=np.float64,
    )
    table.setflags(write=False)
    return table


def season_of(day: date) -> int:
    """Return the index into `SEASONS` of a local date (VDEW 1999)."""
    month_day = day.month * 100 + day.day
    return [season for start, season in _SEASON_STARTS if start <= month_day][-1]


def dynamisation(day_of_year: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the factor of the dynamic H0 profile for days numbered from 1.

    Source: VDEW, Repräsentative VDEW-Lastprofile, Frankfurt 1999, kept by BDEW:
    F(t) = -3.92e-10 t^4 + 3.20e-7 t^3 - 7.02e-5 t^2 + 2.10e-3 t + 1.24
    """
    t = day_of_year.astype(np.float64)
    return (((-3.92e-10 * t + 3.20e-7) * t - 7.02e-5) * t + 2.10e-3) * t + 1.24


def year_of_shares(
    *, profile: str, year: int, week: tuple[int, ...] = IRAQ_WEEK
) -> NDArray[np.float64]:
    """Return the share of the year's energy in each local quarter hour, (days, 96); the sum is 1.

    H0 is made dynamic; the others are used as published.
    """
    first = date(year, 1, 1)
    days = [first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days)]
    table = profile_table(profile)
    watts = table[[season_of(day) for day in days], [week[day.weekday()] for day in days]]
    if profile == "h0":
        watts = watts * dynamisation(np.arange(1, len(days) + 1))[:, None]
    shares: NDArray[np.float64] = watts / watts.sum()
    return shares


_cached_year = cache(year_of_shares)


def day_shares(
    *, profile: str, day: date, interval_s: int, calendar: LocalCalendar
) -> NDArray[np.float64]:
    """Return the share of a year's energy in each interval of UTC `day`, (86,400 / interval,).

    Raises:
        ValueError: the interval is not a whole number of quarter hours that divides a day.
    """
    if interval_s % 900 or 86_400 % interval_s:
        raise ValueError(f"interval of {interval_s} s: quarter hours that divide a day only")
    zone = ZoneInfo(calendar.time_zone)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    shares = np.empty(QUARTERS)
    for quarter in range(QUARTERS):
        local = (midnight + timedelta(minutes=15 * quarter)).astimezone(zone)
        year = _cached_year(profile=profile, year=local.year, week=calendar.week)
        shares[quarter] = year[local.timetuple().tm_yday - 1, local.hour * 4 + local.minute // 15]
    summed: NDArray[np.float64] = shares.reshape(86_400 // interval_s, -1).sum(axis=1)
    return summed
