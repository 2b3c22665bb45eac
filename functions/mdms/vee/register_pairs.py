"""What a register rule looks at: register reads that follow one another, and what is between."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.rule import Severity
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPairs:
    """P pairs of reads, every column (P,): a register showed `before` and `seconds` later `after`.

    Reads are what the dials show; `end` is the first number that they cannot show, `multiplier` the
    ratio of the meter's instrument transformers. `between_wh` is the sum of the intervals in
    between, which is `complete` where each of them has a value and the reads are on their grid.
    """

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    seconds: NDArray[np.int64]
    end: NDArray[np.int64]
    multiplier: NDArray[np.int64]
    between_wh: NDArray[np.int64]
    complete: NDArray[np.bool_]

    def advance_wh(self) -> NDArray[np.float64]:
        """Energy between the reads, the dials taken to go on from 0 after their last number."""
        counted: NDArray[np.float64] = np.mod(self.after - self.before, self.end).astype(np.float64)
        return counted * self.multiplier

    def power_w(self) -> NDArray[np.float64]:
        """Mean power between the reads, if the dials went on as `advance_wh` says."""
        watts: NDArray[np.float64] = self.advance_wh() * 3_600 / np.maximum(self.seconds, 1)
        return watts

    def differs(self, tolerance_percent: float, tolerance_wh: int) -> NDArray[np.bool_]:
        """Where the intervals do not add up to the registers' advance within both tolerances."""
        advance = self.advance_wh()
        allowed = np.maximum(tolerance_wh, np.abs(advance) * tolerance_percent / 100)
        found: NDArray[np.bool_] = self.complete & (np.abs(advance - self.between_wh) > allowed)
        return found

    def is_times(self, factor: NDArray[np.float64], percent: float) -> NDArray[np.bool_]:
        """Where one of the two sums is about `factor` (P,) times the other, and neither is 0."""
        advance, between = self.advance_wh(), self.between_wh.astype(np.float64)
        near = percent / 100 * factor
        with np.errstate(divide="ignore", invalid="ignore"):
            larger = np.maximum(advance, between) / np.minimum(advance, between)
        found: NDArray[np.bool_] = (
            self.complete & (advance > 0) & (between > 0) & (np.abs(larger - factor) <= near)
        )
        return found


class RegisterRule(Protocol):
    """A rule about register reads, with its parameters: pure."""

    name: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity]
    quality: ClassVar[Quality | None]
    iec_codes: ClassVar[tuple[str, ...]]

    def fails(self, pairs: RegisterPairs) -> NDArray[np.bool_]:
        """The pairs whose later read fails: (P,)."""
