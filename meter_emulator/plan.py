"""What one run sends: tenants, days, shape and pace."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

import msgspec

from meter_emulator.fleet import Fleet
from meter_emulator.meter_clocks import ClockPlan
from meter_emulator.meters import Meters
from meter_emulator.paper_preset import PaperFleet
from meter_emulator.part import Part

Shape = Literal["live", "backfill"]
Preset = Literal["homes", "paper"]


class PlanUnreadable(ValueError):
    """The plan or a key file cannot be used."""


def fleet_of(
    *, preset: Preset, tenant: str, count: int, seed: int, pv_share: float = 0.0
) -> Meters:
    """Return a preset's fleet; equal arguments make equal fleets."""
    if preset == "paper":
        return PaperFleet(tenant=tenant, seed=seed)
    return Fleet(tenant=tenant, count=count, seed=seed, pv_share=pv_share)


class TenantLoad(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One tenant's share of a run. The key is in a file, never on a command line.

    `part` and `parts` are of `Part`: which of the fleet's meters this run sends.
    """

    tenant: str
    key_file: str
    count: int = 50
    seed: int = 1
    pv_share: float = 0.0
    preset: Preset = "homes"
    part: int = 0
    parts: int = 1

    def meters(self) -> Meters:
        """Return the tenant's fleet. `count` and `pv_share` are of homes; the paper's is fixed.

        Raises:
            ValueError: such a fleet cannot be.
        """
        fleet = fleet_of(
            preset=self.preset,
            tenant=self.tenant,
            count=self.count,
            seed=self.seed,
            pv_share=self.pv_share,
        )
        if (self.part, self.parts) == (0, 1):
            return fleet
        return Part(meters=fleet, number=self.part, of=self.parts)

    def key(self) -> str:
        """Return the API key.

        Raises:
            PlanUnreadable: the file cannot be read or holds anything but one word.
        """
        try:
            words = Path(self.key_file).read_text(encoding="ascii").split()
        except (OSError, UnicodeDecodeError) as error:
            raise PlanUnreadable(f"key file {self.key_file}: {error}") from error
        if len(words) != 1:
            raise PlanUnreadable(f"key file {self.key_file}: one key is needed in it")
        return words[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run: every tenant's fleet through `days` UTC days from `first_day`.

    With `clocks` the meters stamp readings by clocks of their own. The fault `clock-drift` is then
    how far off the clocks begin, in place of how far off they are all day.
    """

    tenants: tuple[TenantLoad, ...]
    first_day: date
    days: int = 1
    shape: Shape = "live"
    meters_per_body: int = 100
    faults: dict[str, float] = field(default_factory=dict)
    clocks: ClockPlan | None = None


def read_tenants(path: Path) -> tuple[TenantLoad, ...]:
    """Read a plan file: a JSON list of {tenant, key_file, count, seed, ...}.

    Raises:
        PlanUnreadable: no such file, or something else in it.
    """
    try:
        tenants = msgspec.json.decode(path.read_bytes(), type=tuple[TenantLoad, ...])
    except (OSError, msgspec.DecodeError) as error:
        raise PlanUnreadable(f"{path}: {error}") from error
    if not tenants:
        raise PlanUnreadable(f"{path}: no tenants in it")
    return tenants
