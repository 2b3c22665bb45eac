"""What rule groups say of technical validation, as columns over the registry."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.meter_table import MeterTable
from functions.mdms.reading_time import ReadingTime
from functions.mdms.vee.group_choice import GroupChoice
from functions.mdms.vee.technical_rules import (
    FutureTimestamp,
    RefuseBeyondDials,
    RefuseNegative,
    StaleTimestamp,
)
from storage.model.runs import DAY_S

NEVER_S: Final = 1 << 40
"""An allowance in seconds that no reading is beyond: the rule is off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TechnicalPolicy:
    """By position in a registry's table: limits in seconds, and which rules are on; all (M,)."""

    ahead_s: NDArray[np.int64]
    stale_after_s: NDArray[np.int64]
    refuses_negative: NDArray[np.bool_]
    refuses_beyond_dials: NDArray[np.bool_]

    def at(self, position: NDArray[np.int64]) -> "TechnicalPolicy":
        """The same of the meters at each position; -1, which is no meter, takes any."""
        return TechnicalPolicy(
            ahead_s=self.ahead_s[position],
            stale_after_s=self.stale_after_s[position],
            refuses_negative=self.refuses_negative[position],
            refuses_beyond_dials=self.refuses_beyond_dials[position],
        )


def technical_policy(
    table: MeterTable, choice: GroupChoice, *, time: ReadingTime
) -> TechnicalPolicy | None:
    """What the groups say, None when no group says anything: `time` and every rule hold then."""
    if not len(table) or not any(one.technical for one in choice.sets):
        return None
    ahead_s = np.full(len(choice.sets), time.ahead_s, dtype=np.int64)
    stale_s = np.full(len(choice.sets), time.stale_after_s, dtype=np.int64)
    negative, dials = (np.ones(len(choice.sets), dtype=np.bool_) for _ in range(2))
    for at, rules in enumerate(choice.sets):
        said = rules.technical
        if FutureTimestamp.name in said:
            future = said[FutureTimestamp.name]
            ahead_s[at] = future.ahead_s if isinstance(future, FutureTimestamp) else NEVER_S
        if StaleTimestamp.name in said:
            stale = said[StaleTimestamp.name]
            stale_s[at] = stale.days * DAY_S if isinstance(stale, StaleTimestamp) else NEVER_S
        negative[at] = said.get(RefuseNegative.name, RefuseNegative()) is not None
        dials[at] = said.get(RefuseBeyondDials.name, RefuseBeyondDials()) is not None
    group = choice.indexes_of(table.meters)
    return TechnicalPolicy(
        ahead_s=ahead_s[group],
        stale_after_s=stale_s[group],
        refuses_negative=negative[group],
        refuses_beyond_dials=dials[group],
    )
