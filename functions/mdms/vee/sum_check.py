"""Sum Check: the intervals between two register reads add up to what the register advanced."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.register_pairs import RegisterPairs
from functions.mdms.vee.rule import Severity
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class SumCheck:
    """They differ by more than `tolerance_percent` of the advance and by more than `tolerance_wh`.

    Reads between which an interval is missing are not compared. IEC 61968-9 quality 3.6.0 (failed
    validation, generic).
    """

    name: ClassVar[str] = "sum-check"
    title: ClassVar[str] = "Sum Check"
    severity: ClassVar[Severity] = Severity.ERROR
    quality: ClassVar[Quality | None] = Quality.QUESTIONABLE
    iec_codes: ClassVar[tuple[str, ...]] = ("3.6.0",)

    tolerance_percent: float = 2.0
    tolerance_wh: int = 100

    def __post_init__(self) -> None:
        """Refuse tolerances that mean nothing."""
        if not 0 <= self.tolerance_percent <= 100 or self.tolerance_wh < 0:
            raise ValueError("`tolerance_percent` is 0 to 100, `tolerance_wh` not below 0")

    def fails(self, pairs: RegisterPairs) -> NDArray[np.bool_]:
        """The later reads of such pairs."""
        return pairs.differs(self.tolerance_percent, self.tolerance_wh)
