"""Looking for gaps part by part finds what looking at everything at once does."""

import asyncio
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from functions.mdms.vee.finding_holders import FindingHolders
from functions.mdms.vee.gap_look import GapLook
from functions.mdms.vee.gaps import expected
from functions.mdms.vee.rule_group import RuleSet, read_group
from functions.mdms.vee.turn import Turn
from storage.model.rule_groups import RuleGroup, RuleSetting
from tests.unit.functions.mdms.vee.memory_zone import DAY, HOUR_S, REGISTER

DAYS = 6
METERS = ("A", "B")


def rules(within_days: int) -> RuleSet:
    said = RuleSetting(rule="missing-interval", parameters={"within_days": within_days})
    return read_group(RuleGroup(group="all", version=1, rules=(said,)))


class Stored:
    """Hourly presence of the meters from `DAY` on."""

    def __init__(self, present: NDArray[np.bool_]) -> None:
        self._present = present

    async def ever_stored(self, meters: Sequence[str], *, register: str) -> NDArray[np.bool_]:
        return np.array([bool(self._present[METERS.index(meter)].any()) for meter in meters])

    async def read_presence(
        self, meters: Sequence[str], *, register: str, day: int, interval_s: int, slots: range
    ) -> NDArray[np.bool_]:
        assert (register, interval_s) == (REGISTER, HOUR_S)
        found = np.zeros((len(meters), len(slots)), dtype=np.bool_)
        for row, meter in enumerate(meters):
            for column, slot in enumerate(slots):
                hour = (day - DAY) * 24 + slot
                if 0 <= hour < self._present.shape[1]:
                    found[row, column] = self._present[METERS.index(meter), hour]
        return found


@settings(max_examples=150, deadline=None)
@given(
    hours=st.sets(st.tuples(st.integers(0, 1), st.integers(0, DAYS * 24 - 1)), max_size=40),
    low=st.integers(0, DAYS * 24 - 1),
    length=st.integers(1, 4 * 24),
    within_days=st.integers(1, 3),
    active=st.tuples(st.booleans(), st.booleans()),
)
def test_it_is_what_all_values_at_once_say(
    hours: set[tuple[int, int]],
    low: int,
    length: int,
    within_days: int,
    active: tuple[bool, bool],
) -> None:
    present = np.zeros((2, DAYS * 24), dtype=np.bool_)
    for row, hour in hours:
        present[row, hour] = True
    high = min(low + length, DAYS * 24) - 1

    async def looked() -> set[tuple[int, int]]:
        async def nothing_held(names: Sequence[str]) -> dict[str, bytes]:
            raise AssertionError("no meter is held to have findings")

        turn = Turn(nothing_held, FindingHolders())
        await GapLook(Stored(present)).judge(
            turn,
            meters=METERS,
            register=REGISTER,
            interval_s=HOUR_S,
            active=np.array(active),
            rules=rules(within_days),
            low=DAY * 24 + low,
            high=DAY * 24 + high,
        )
        return {
            (METERS.index(name.meter_id), (name.day - DAY) * 24 + slot)
            for name, runs in turn.after.items()
            for run in runs
            for slot in range(run.first, run.first + run.count)
        }

    waited = expected(present, within=within_days * 24, last=high, first=low)
    gaps = ~present & waited & np.array(active)[:, None]
    assert asyncio.run(looked()) == {(int(row), int(hour)) for row, hour in np.argwhere(gaps)}
