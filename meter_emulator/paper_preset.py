"""The load of the paper's laboratory: households of five metered devices, two readings a day."""

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from meter_emulator.meters import IMPORT_REGISTER, RegisterDay

HOUSEHOLDS = 200
DEVICES = 5
HOUSEHOLD_W = 6_000
STATIONS = 15
STATION_W = 20_000
DAYS = 10
INTERVAL_S = 43_200


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperFleet:
    """1,000 devices, of five a household of about 6 kW, behind 15 stations of 20 kW.

    The paper says no more than that. Assumed here: a household's mean power is normal about
    6 kW (sigma 10 %), shared out among its devices at random and steady to 10 % from reading to
    reading; households are dealt to the stations in turn. (200 households of 6 kW are four times
    what 15 stations of 20 kW carry: the figures are the paper's, kept as they are.)
    """

    tenant: str
    seed: int
    interval_s: int = INTERVAL_S

    @property
    def series(self) -> int:
        """How many devices report."""
        return HOUSEHOLDS * DEVICES

    def meter_ids(self) -> list[str]:
        """Return the devices' names, household by household."""
        initial = self.tenant[0].upper()
        return [
            f"{initial}{home:03}-{device}"
            for home in range(1, HOUSEHOLDS + 1)
            for device in range(1, DEVICES + 1)
        ]

    def registry(self) -> list[dict[str, Any]]:
        """Return the devices as the registry's API takes them; the feeder is the station."""
        return [
            {
                "meter_id": meter_id,
                "registers": [IMPORT_REGISTER],
                "interval_s": self.interval_s,
                "dials": 8,
                "multiplier": 1,
                "service_point": f"H-{n // DEVICES + 1:03}",
                "feeder": f"S-{n // DEVICES % STATIONS + 1:02}",
                "time_zone": "Asia/Baghdad",
                "active": True,
            }
            for n, meter_id in enumerate(self.meter_ids())
        ]

    def day(self, day: date) -> list[RegisterDay]:
        """Return each device's energy of the two half days of a UTC day."""
        homes = self._random(0)
        power_w = HOUSEHOLD_W * homes.normal(1.0, 0.1, HOUSEHOLDS).clip(0.5, 1.5)
        shares = homes.dirichlet(np.full(DEVICES, 4.0), HOUSEHOLDS)
        device_w = (power_w[:, None] * shares).reshape(-1, 1)
        steadiness = self._random(day.toordinal()).normal(1.0, 0.1, (self.series, 2)).clip(0.5, 1.5)
        energy_wh = np.rint(device_w * steadiness * self.interval_s / 3600).astype(np.int32)
        rows = np.arange(self.series, dtype=np.int64)
        return [RegisterDay(register=IMPORT_REGISTER, rows=rows, energy_wh=energy_wh)]

    def _random(self, purpose: int) -> np.random.Generator:
        digest = hashlib.sha256(self.tenant.encode()).digest()
        return np.random.default_rng([self.seed, int.from_bytes(digest[:8], "big"), purpose])
