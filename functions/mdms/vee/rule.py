"""What a validation rule looks at, and what it says: the shape that every rule has."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Consecutive intervals of M meters: `energy_wh` (M, S) int64, 0 where not `present` (M, S).

    `interval_s` is their length in seconds, `active` (M,) whether each meter is in use. Of values
    that are `present`, `estimated` (M, S) says which are estimates and `versions` (M, S) how many
    others each has outlived, `flagged` (M, S) which their meter doubts; `expected` (M, S) says
    which intervals somebody waits for. Without them: none, 0, none and all. `register` is the OBIS
    code of all.
    """

    energy_wh: NDArray[np.int64]
    present: NDArray[np.bool_]
    interval_s: int
    active: NDArray[np.bool_]
    estimated: NDArray[np.bool_] | None = None
    versions: NDArray[np.unsignedinteger[Any]] | None = None
    flagged: NDArray[np.bool_] | None = None
    expected: NDArray[np.bool_] | None = None
    register: str = "1-0:1.8.0"

    def columns(self, cut: slice) -> "Stretch":
        """Those intervals of the same meters only."""
        return replace(
            self,
            energy_wh=self.energy_wh[:, cut],
            present=self.present[:, cut],
            estimated=None if self.estimated is None else self.estimated[:, cut],
            versions=None if self.versions is None else self.versions[:, cut],
            flagged=None if self.flagged is None else self.flagged[:, cut],
            expected=None if self.expected is None else self.expected[:, cut],
        )


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
    title: ClassVar[str]
    severity: ClassVar[Severity]
    quality: ClassVar[Quality | None]
    iec_codes: ClassVar[tuple[str, ...]]

    def neighbours(self, interval_s: int) -> int:
        """How many intervals on each side of one its verdict depends on."""

    def concerns(self, stretch: Stretch) -> NDArray[np.bool_]:
        """The intervals that could be part of what fails, as far as each tells: (M, S)."""

    def suspects(self, stretch: Stretch) -> list[Suspects]:
        """The intervals of `stretch` that fail."""
