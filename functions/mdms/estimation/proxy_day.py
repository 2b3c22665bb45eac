"""Proxy Day: a day's gaps are filled with one earlier day, so that its peaks stay peaks."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from functions.mdms.estimation.like_days import like_days
from functions.mdms.estimation.method import Estimates, History
from storage.model.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyDay:
    """The nearest like day within `reach_days` that knows every interval that the day wants.

    Unlike an average it keeps the shape of a day that was. With `any_day`, a meter for which no
    like day will do takes the nearest day of any kind. Known as proxy day or same-day-type
    estimation, as in Oracle MDM. Green Button quality 8.
    """

    name: ClassVar[str] = "proxy-day"
    quality: ClassVar[Quality] = Quality.ESTIMATED

    reach_days: Annotated[int, msgspec.Meta(ge=1, le=92)] = 35
    any_day: bool = False

    def estimates(self, history: History) -> Estimates:
        """See `Method.estimates`."""
        held = like_days(history)
        energy = np.zeros_like(held.energy_wh)
        filled = np.zeros(held.known.shape, dtype=np.int64)
        for day, wanted in held.wanted_days(history.wanted):
            days = held.before(day, reach=self.reach_days)
            if self.any_day:
                every = np.arange(day - 1, max(day - 1 - self.reach_days, -1), -1)
                days = np.concatenate((days, every[~np.isin(every, days)]))
            if not len(days):
                continue
            covered = held.known[:, days] | ~wanted[:, None]
            complete: NDArray[np.bool_] = np.all(covered, axis=2)
            nearest = days[complete.argmax(axis=1)]
            energy[:, day] = held.energy_wh[np.arange(len(wanted)), nearest]
            filled[:, day] = wanted & np.any(complete, axis=1, keepdims=True)
        found = history.wanted & ~history.known & (held.intervals(filled) != 0)
        return Estimates(np.where(found, held.intervals(energy), 0), found)
