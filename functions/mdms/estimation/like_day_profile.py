"""Like-Day Profile: a gap is filled by the average of days that are alike."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
import numpy as np

from functions.mdms.estimation.like_days import like_days
from functions.mdms.estimation.method import Estimates, History
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class LikeDayProfile:
    """The mean, to the nearest Wh, of the same wall-clock place on the `days` nearest like days.

    Looks back `reach_days`, and passes over a like day whose place is not known. A place for which
    fewer than `at_least` are found is not filled. Known as historical or average like-day
    estimation: the three nearest days of the same kind in Itron IEE and in California's VEE
    standards. Green Button quality 8.
    """

    name: ClassVar[str] = "like-day-profile"
    quality: ClassVar[Quality] = Quality.ESTIMATED

    days: Annotated[int, msgspec.Meta(ge=1, le=10)] = 3
    at_least: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    reach_days: Annotated[int, msgspec.Meta(ge=1, le=92)] = 28

    def estimates(self, history: History) -> Estimates:
        """See `Method.estimates`."""
        held = like_days(history)
        energy = np.zeros_like(held.energy_wh)
        filled = np.zeros(held.known.shape, dtype=np.int64)
        for day, wanted in held.wanted_days(history.wanted):
            like = held.before(day, reach=self.reach_days)
            known = held.known[:, like]
            taken = known & (np.cumsum(known, axis=1) <= self.days)
            count = taken.sum(axis=1)
            total = np.where(taken, held.energy_wh[:, like], 0).sum(axis=1)
            # Halves up, in whole numbers.
            energy[:, day] = (2 * total + count) // np.maximum(2 * count, 1)
            filled[:, day] = wanted & (count >= self.at_least)
        found = history.wanted & ~history.known & (held.intervals(filled) != 0)
        return Estimates(np.where(found, held.intervals(energy), 0), found)
