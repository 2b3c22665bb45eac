"""A seeded fleet of meters: the same seed, tenant and day always give the same integers."""

import hashlib
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meter_emulator.load_profile import PROFILES, LocalCalendar, day_shares
from meter_emulator.meters import EXPORT_REGISTER, IMPORT_REGISTER, RegisterDay
from meter_emulator.pv import Site, clear_day_hours

_KIND, _ANNUAL, _DAY, _SLOT, _PV, _PV_SIZE, _SKY = range(7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """How the fleet's customers differ. Assumptions of this emulator, not measurements.

    A customer is of profile H0, G0 or L0 with the probability in `mix`. Annual consumption is
    log-normal about the profile's median. A day's energy is the profile's share times a log-normal
    factor with mean 1; an interval's share is the profile's times a gamma factor with mean 1.
    Panels are of `pv_kwp` (least, most), yield `pv_yield` of a clear day's hours of full power,
    and share one sky a day, uniform between `sky_least` and clear.
    """

    mix: tuple[float, float, float] = (0.90, 0.08, 0.02)
    median_annual_kwh: tuple[float, float, float] = (5_000.0, 15_000.0, 12_000.0)
    annual_sigma: float = 0.5
    day_sigma: float = 0.15
    slot_gamma_shape: float = 4.0
    pv_kwp: tuple[float, float] = (2.0, 6.0)
    pv_yield: float = 0.75
    sky_least: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """`count` meters of one tenant, `pv_share` of them under roofs with panels.

    A bigger fleet of the same seed starts with the same meters.
    """

    tenant: str
    count: int
    seed: int
    interval_s: int = 900
    pv_share: float = 0.0
    customers: Customers = field(default_factory=Customers)
    calendar: LocalCalendar = field(default_factory=LocalCalendar)
    site: Site = field(default_factory=Site)

    def __post_init__(self) -> None:
        if not self.tenant or self.count < 1 or self.seed < 0:
            raise ValueError("a fleet needs a tenant, at least one meter and a seed from 0")
        if not 0 <= self.pv_share <= 1:
            raise ValueError("the share of homes with panels is between 0 and 1")

    @property
    def slots(self) -> int:
        """Intervals a UTC day."""
        return 86_400 // self.interval_s

    @property
    def series(self) -> int:
        """How many (meter, register) pairs report."""
        return self.count + len(self.pv_rows())

    def meter_ids(self) -> list[str]:
        """Return the meters' names: the tenant's initial and a number from 1."""
        return [f"{self.tenant[0].upper()}{n:06}" for n in range(1, self.count + 1)]

    def kinds(self) -> NDArray[np.int64]:
        """Return each meter's index into `PROFILES`, (meters,)."""
        draws = self._random(_KIND).random(self.count)
        bounds = np.cumsum(self.customers.mix)
        return np.minimum(np.searchsorted(bounds, draws, side="right"), len(PROFILES) - 1)

    def annual_wh(self) -> NDArray[np.float64]:
        """Return each meter's energy a year in Wh, (meters,)."""
        normal = self._random(_ANNUAL).standard_normal(self.count)
        median = np.array(self.customers.median_annual_kwh)[self.kinds()] * 1000
        annual: NDArray[np.float64] = median * np.exp(self.customers.annual_sigma * normal)
        return annual

    def day_total_wh(self, day: date) -> NDArray[np.int64]:
        """Return each meter's energy of a UTC day in whole Wh, (meters,)."""
        sigma = self.customers.day_sigma
        normal = self._random(_DAY, day).standard_normal(self.count)
        factor = np.exp(sigma * normal - sigma**2 / 2)
        share = self._shares(day).sum(axis=1)[self.kinds()]
        total: NDArray[np.int64] = np.rint(self.annual_wh() * share * factor).astype(np.int64)
        return total

    def day_energy_wh(self, day: date) -> NDArray[np.int32]:
        """Return the energy of each interval of a UTC day in whole Wh, (meters, slots).

        What rounding takes from one interval is carried into the next: each row adds up to
        `day_total_wh` exactly.
        """
        shape = self.customers.slot_gamma_shape
        gamma = self._random(_SLOT, day).standard_gamma(shape, (self.count, self.slots))
        weights = gamma * self._shares(day)[self.kinds()]
        upto = np.cumsum(weights, axis=1)
        total = self.day_total_wh(day)
        counted = np.floor(upto / upto[:, -1:] * total[:, None]).astype(np.int64)
        energy: NDArray[np.int32] = np.diff(counted, axis=1, prepend=0).astype(np.int32)
        return energy

    def pv_rows(self) -> NDArray[np.int64]:
        """Return the rows of the meters with panels."""
        return np.flatnonzero(self._random(_PV).random(self.count) < self.pv_share)

    def pv_energy_wh(self, day: date) -> NDArray[np.int32]:
        """Return what the panels make in each interval of a UTC day in Wh, (`pv_rows`, slots)."""
        least, most = self.customers.pv_kwp
        kwp = self._random(_PV_SIZE).uniform(least, most, self.count)[self.pv_rows()]
        sky = self._random(_SKY, day).uniform(self.customers.sky_least, 1.0)
        hours = clear_day_hours(day=day, interval_s=self.interval_s, site=self.site)
        made = kwp[:, None] * 1000 * self.customers.pv_yield * sky * hours
        energy: NDArray[np.int32] = np.rint(made).astype(np.int32)
        return energy

    def day(self, day: date) -> list[RegisterDay]:
        """Return what each register counts: import, and export of the homes with panels.

        A home's panels serve the home first, within each interval.
        """
        taken = self.day_energy_wh(day)
        rows = self.pv_rows()
        surplus = self.pv_energy_wh(day) - taken[rows]
        taken[rows] = np.maximum(-surplus, 0)
        everyone = np.arange(self.count, dtype=np.int64)
        registers = [RegisterDay(register=IMPORT_REGISTER, rows=everyone, energy_wh=taken)]
        if len(rows):
            given = np.maximum(surplus, 0)
            registers.append(RegisterDay(register=EXPORT_REGISTER, rows=rows, energy_wh=given))
        return registers

    def registry(self) -> list[dict[str, Any]]:
        """Return the meters as the registry's API takes them."""
        panels = set(self.pv_rows().tolist())
        return [
            {
                "meter_id": meter_id,
                "registers": [IMPORT_REGISTER, *([EXPORT_REGISTER] if n in panels else [])],
                "interval_s": self.interval_s,
                "dials": 8,
                "multiplier": 1,
                "service_point": None,
                "feeder": f"F-{n // 50 + 1:02}",
                "time_zone": self.calendar.time_zone,
                "active": True,
            }
            for n, meter_id in enumerate(self.meter_ids())
        ]

    def _shares(self, day: date) -> NDArray[np.float64]:
        return np.stack(
            [
                day_shares(
                    profile=profile, day=day, interval_s=self.interval_s, calendar=self.calendar
                )
                for profile in PROFILES
            ]
        )

    def _random(self, purpose: int, day: date | None = None) -> np.random.Generator:
        digest = hashlib.sha256(self.tenant.encode()).digest()
        tenant = int.from_bytes(digest[:8], "big")
        return np.random.default_rng([self.seed, tenant, purpose, day.toordinal() if day else 0])
