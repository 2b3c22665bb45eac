"""Register Difference: an interval between two register reads is what the register counted."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from functions.mdms.estimation.method import Estimates, History
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterDifference:
    """Wanted intervals with a register read at each end: the later read less the earlier one.

    Exact, with roll-over and multiplier applied; see `intervals_of_reads`. Its quality is 8 all the
    same: a metered interval that comes late must count before it, as before any estimate.
    """

    name: ClassVar[str] = "register-difference"
    quality: ClassVar[Quality] = Quality.ESTIMATED

    def estimates(self, history: History) -> Estimates:
        """See `Method.estimates`; a difference that no slot can hold is none."""
        if history.between_reads is None:
            nothing = np.zeros_like(history.wanted)
            return Estimates(np.zeros_like(history.energy_wh), nothing)
        counted = history.between_reads
        filled = history.wanted & (counted >= 0) & (counted <= np.iinfo(np.int32).max)
        return Estimates(np.where(filled, counted, 0), filled)
