"""What a run needs to know of a fleet, whatever the fleet is like."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

IMPORT_REGISTER = "1-0:1.8.0"
EXPORT_REGISTER = "1-0:2.8.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterDay:
    """One register of the meters `rows` through a UTC day: `energy_wh` is (rows, slots)."""

    register: str
    rows: NDArray[np.int64]
    energy_wh: NDArray[np.int32]


class Meters(Protocol):
    """The meters of one tenant; equal arguments always give equal answers."""

    @property
    def tenant(self) -> str:
        """The tenant whose meters they are."""
        ...

    @property
    def interval_s(self) -> int:
        """Seconds an interval."""
        ...

    @property
    def series(self) -> int:
        """How many (meter, register) pairs report."""
        ...

    def meter_ids(self) -> list[str]:
        """Return the meters' names, in the order of the rows."""
        ...

    def registry(self) -> list[dict[str, Any]]:
        """Return the meters as the registry's API takes them."""
        ...

    def day(self, day: date) -> list[RegisterDay]:
        """Return what each register counts through a UTC day."""
        ...
