"""What one run sends: tenants, days, shape and pace."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import msgspec

Shape = Literal["live", "backfill"]


class PlanUnreadable(ValueError):
    """The plan or a key file cannot be used."""


class TenantLoad(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One tenant's share of a run. The key is in a file, never on a command line."""

    tenant: str
    key_file: str
    count: int
    seed: int = 1

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
    """A run: every tenant's fleet through `days` UTC days from `first_day`."""

    tenants: tuple[TenantLoad, ...]
    first_day: date
    days: int = 1
    shape: Shape = "live"
    meters_per_body: int = 100


def read_tenants(path: Path) -> tuple[TenantLoad, ...]:
    """Read a plan file: a JSON list of {tenant, key_file, count, seed}.

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
