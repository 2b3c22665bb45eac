"""What a validation rule looks at, and what it says: the shape that every rule has."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Consecutive intervals of M meters: `energy_wh` (M, S) int64, 0 where not `present` (M, S).

    `interval_s` is their length in seconds, `active` (M,) whether each meter is in use.
    """

    energy_wh: NDArray[np.int64]
    present: NDArray[np.bool_]
    interval_s: int
    active: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Suspects:
    """The intervals that fail, (M, S), and their IEC 61968-9 code where we know one."""

    mask: NDArray[np.bool_]
    iec_code: str | None


class Severity(StrEnum):
    """An error keeps a value from being used for bills, a warning is to be looked at."""

    ERROR = "error"
    WARNING = "warning"


class Rule(Protocol):
    """A rule with its parameters: pure, so that it can be tried on what is stored."""

    name: ClassVar[str]
    severity: ClassVar[Severity]
    quality: ClassVar[Quality | None]

    def suspects(self, stretch: Stretch) -> list[Suspects]:
        """The intervals of `stretch` that fail."""
