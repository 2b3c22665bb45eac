"""Backward Dial check: a register shows less than before, and cannot have gone past its end."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.register_pairs import RegisterPairs
from functions.mdms.vee.rule import Severity
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class BackwardDial:
    """Going on over the last number would have taken more than `high_w` on average.

    IEC 61968-9 quality 3.5.256 (out of range).
    """

    name: ClassVar[str] = "backward-dial"
    title: ClassVar[str] = "Backward Dial"
    severity: ClassVar[Severity] = Severity.ERROR
    quality: ClassVar[Quality | None] = Quality.QUESTIONABLE
    iec_codes: ClassVar[tuple[str, ...]] = ("3.5.256",)

    high_w: int = 50_000

    def __post_init__(self) -> None:
        """Refuse a power that is none."""
        if self.high_w < 1:
            raise ValueError("`high_w` is above 0")

    def fails(self, pairs: RegisterPairs) -> NDArray[np.bool_]:
        """The reads below the one before that no roll-over explains."""
        return (pairs.after < pairs.before) & (pairs.power_w() > self.high_w)
