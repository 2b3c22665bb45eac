"""Register Roll-over check: a register went past its last number and began again."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.register_pairs import RegisterPairs
from functions.mdms.vee.rule import Severity
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRollover:
    """Less than before, and going on over the last number takes at most `high_w` on average.

    The read is good: the warning tells whoever compares registers. IEC 61968-9 quality 3.4.1
    (overflow condition detected).
    """

    name: ClassVar[str] = "register-rollover"
    title: ClassVar[str] = "Register Roll-over"
    severity: ClassVar[Severity] = Severity.WARNING
    quality: ClassVar[Quality | None] = None
    iec_codes: ClassVar[tuple[str, ...]] = ("3.4.1",)

    high_w: int = 50_000

    def __post_init__(self) -> None:
        """Refuse a power that is none."""
        if self.high_w < 1:
            raise ValueError("`high_w` is above 0")

    def fails(self, pairs: RegisterPairs) -> NDArray[np.bool_]:
        """The reads after a roll-over."""
        return (pairs.after < pairs.before) & (pairs.power_w() <= self.high_w)
