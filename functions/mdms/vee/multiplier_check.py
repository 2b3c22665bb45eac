"""Multiplier check: the ratio of the instrument transformers was left out, or applied twice."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.register_pairs import RegisterPairs
from functions.mdms.vee.rule import Severity
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiplierCheck:
    """Intervals and registers are the meter's multiplier apart, within `tolerance_percent` of it.

    Meters with a multiplier of 1 cannot fail. IEC 61968-9 quality 3.6.0 (failed validation,
    generic).
    """

    name: ClassVar[str] = "multiplier"
    title: ClassVar[str] = "Multiplier Check"
    severity: ClassVar[Severity] = Severity.ERROR
    quality: ClassVar[Quality | None] = Quality.QUESTIONABLE
    iec_codes: ClassVar[tuple[str, ...]] = ("3.6.0",)

    tolerance_percent: float = 5.0

    def __post_init__(self) -> None:
        """Refuse a tolerance that means nothing."""
        if not 0 <= self.tolerance_percent < 50:
            raise ValueError("`tolerance_percent` is 0 to 50")

    def fails(self, pairs: RegisterPairs) -> NDArray[np.bool_]:
        """The later reads of such pairs."""
        factor = pairs.multiplier.astype(np.float64)
        return (factor > 1) & pairs.is_times(factor, self.tolerance_percent)
