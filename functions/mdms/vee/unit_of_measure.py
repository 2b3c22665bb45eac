"""Unit of Measure check: intervals and registers are a thousand apart, as kWh and Wh are."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.register_pairs import RegisterPairs
from functions.mdms.vee.rule import Severity
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOfMeasure:
    """One is `factor` times the other, to within `tolerance_percent` of it.

    Everything here is in Wh: what came in another unit shows where both are known. IEC 61968-9
    quality 3.6.0 (failed validation, generic).
    """

    name: ClassVar[str] = "unit-of-measure"
    title: ClassVar[str] = "Unit of Measure Check"
    severity: ClassVar[Severity] = Severity.ERROR
    quality: ClassVar[Quality | None] = Quality.QUESTIONABLE
    iec_codes: ClassVar[tuple[str, ...]] = ("3.6.0",)

    factor: int = 1_000
    tolerance_percent: float = 5.0

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        if self.factor < 2 or not 0 <= self.tolerance_percent < 50:
            raise ValueError("`factor` is 2 or more, `tolerance_percent` 0 to 50")

    def fails(self, pairs: RegisterPairs) -> NDArray[np.bool_]:
        """The later reads of such pairs."""
        factor = np.full(len(pairs.before), float(self.factor))
        return pairs.is_times(factor, self.tolerance_percent)
