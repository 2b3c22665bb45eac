"""Roof photovoltaics under a clear sky: the sun's height, the irradiance, the energy of a day."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

STEP_MINUTES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where the panels lie, in degrees north and east. The default is Baghdad."""

    latitude: float = 33.3
    longitude: float = 44.4


def cos_zenith(
    *, day_of_year: int, utc_minutes: NDArray[np.float64], site: Site
) -> NDArray[np.float64]:
    """Return the cosine of the sun's zenith angle at minutes after UTC midnight; below 0 is night.

    Sources: declination by P. I. Cooper, The absorption of radiation in solar stills, Solar Energy
    12 (1969) 333-346; equation of time and hour angle as in J. A. Duffie and W. A. Beckman, Solar
    Engineering of Thermal Processes, section 1.5.
    """
    declination = np.radians(23.45) * np.sin(2 * np.pi * (284 + day_of_year) / 365)
    b = 2 * np.pi * (day_of_year - 81) / 364
    equation_minutes = 9.87 * np.sin(2 * b) - 7.53 * np.cos(b) - 1.5 * np.sin(b)
    solar_minutes = utc_minutes + 4 * site.longitude + equation_minutes
    hour_angle = np.radians(solar_minutes / 4 - 180)
    latitude = np.radians(site.latitude)
    cosine: NDArray[np.float64] = np.sin(latitude) * np.sin(declination) + np.cos(
        latitude
    ) * np.cos(declination) * np.cos(hour_angle)
    return cosine


def clear_sky_w_m2(cosine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the global horizontal irradiance of a cloudless sky.

    Source: B. Haurwitz, Insolation in Relation to Cloudiness and Cloud Density, Journal of
    Meteorology 2 (1945) 154-166, with the constants pvlib uses: 1098 cos z exp(-0.059 / cos z).
    """
    up = np.maximum(cosine, 1e-3)
    irradiance: NDArray[np.float64] = np.where(cosine > 0, 1098 * up * np.exp(-0.059 / up), 0.0)
    return irradiance


def clear_day_hours(*, day: date, interval_s: int, site: Site) -> NDArray[np.float64]:
    """Return hours of full power (1,000 W/m2) in each interval of a UTC day, (86,400 / interval,).

    One kWp without losses makes that many kWh. `interval_s` is a multiple of 300 s.
    """
    minutes = np.arange(0, 1440, STEP_MINUTES, dtype=np.float64) + STEP_MINUTES / 2
    cosine = cos_zenith(day_of_year=day.timetuple().tm_yday, utc_minutes=minutes, site=site)
    hours = clear_sky_w_m2(cosine) / 1000 * STEP_MINUTES / 60
    summed: NDArray[np.float64] = hours.reshape(86_400 // interval_s, -1).sum(axis=1)
    return summed
