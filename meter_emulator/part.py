"""A part of a fleet: the meters that one edge takes, where a tenant's meters speak to several."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from meter_emulator.meters import Meters, RegisterDay


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Part `number` (from 0) of `of` parts of a fleet: its meters in turn, like cards.

    The parts of one fleet share no meter, and together they are the fleet: each reading is the
    same integer as if the fleet were sent whole. A meter is in the same part of a bigger fleet.

    Raises:
        ValueError: there is no such part, or no meter in it.
    """

    meters: Meters
    number: int
    of: int

    def __post_init__(self) -> None:
        """Refuse what cannot be sent."""
        if not 0 <= self.number < self.of:
            raise ValueError(f"part {self.number} of {self.of}: parts are numbered from 0")
        if self.number >= len(self.meters.meter_ids()):
            raise ValueError(f"part {self.number} of {self.of} has no meter")

    @property
    def tenant(self) -> str:
        """The tenant whose meters they are."""
        return self.meters.tenant

    @property
    def interval_s(self) -> int:
        """Seconds an interval."""
        return self.meters.interval_s

    @property
    def series(self) -> int:
        """How many (meter, register) pairs report."""
        return sum(len(meter["registers"]) for meter in self.registry())

    def meter_ids(self) -> list[str]:
        """Return the whole fleet's names: rows go on counting from its first meter."""
        return self.meters.meter_ids()

    def registry(self) -> list[dict[str, Any]]:
        """Return the part's meters as the registry's API takes them."""
        return self.meters.registry()[self.number :: self.of]

    def day(self, day: date) -> list[RegisterDay]:
        """Return what each register of the part counts through a UTC day."""
        parts = []
        for whole in self.meters.day(day):
            own = whole.rows % self.of == self.number
            if own.any():
                parts.append(
                    RegisterDay(
                        register=whole.register,
                        rows=whole.rows[own],
                        energy_wh=whole.energy_wh[own],
                    )
                )
        return parts
