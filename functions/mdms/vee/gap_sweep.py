"""Looking for gaps once the data's clock has gone on: who did not say what others said."""

from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

import numpy as np

from functions.mdms.resampling import adds_up
from functions.mdms.vee.gap_look import GapLook
from functions.mdms.vee.group_choice import GroupChoice
from functions.mdms.vee.rule_group import RuleSet
from functions.mdms.vee.turn import Turn
from storage.model.meter import Meter
from storage.model.runs import DAY_S

METERS_AT_ONCE: Final = 2_000
LONGEST_DAYS: Final = 35


class GapSweep:
    """Goes over the registered meters: what is missing was not brought by anybody.

    It judges the intervals that became due while the newest data went from `begin_s` to `end_s`,
    part by part: over a nation's meters it takes minutes, in which validation must go on. What is
    not here from before `whole_from_s` may be with the record. Of a clock that jumped further than
    `LONGEST_DAYS`, the last of them count.
    """

    def __init__(
        self,
        look: GapLook,
        registered: AsyncGenerator[Sequence[Meter]],
        choice: GroupChoice,
        *,
        begin_s: int,
        end_s: int,
        whole_from_s: int = 0,
        at_once: int = METERS_AT_ONCE,
    ) -> None:
        """`registered` gives the meters, some at a time."""
        self.begin_s = begin_s
        self.end_s = end_s
        self.whole_from_s = whole_from_s
        self._look = look
        self._registered = registered
        self._choice = choice
        self._at_once = at_once
        self._read: list[Sequence[Meter]] = []

    async def goes_on(self, turn: Turn, *, enough: Callable[[], bool]) -> bool:
        """Judge the next meters until `enough`, at least some; True once it was over all of them.

        What it judged counts with the turn: without it, begin another sweep.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        while (some := await self._next()) is not None:
            await self._some(turn, some, self.begin_s, self.end_s, self.whole_from_s)
            if enough():
                return False
        return True

    async def close(self) -> None:
        """Leave off."""
        await self._registered.aclose()

    async def _next(self) -> Sequence[Meter] | None:
        while not self._read:
            part = await anext(self._registered, None)
            if part is None:
                return None
            begins = range(0, len(part), self._at_once)
            self._read = [part[begin : begin + self._at_once] for begin in reversed(begins)]
        return self._read.pop()

    async def _some(
        self, turn: Turn, some: Sequence[Meter], begin_s: int, end_s: int, whole_from_s: int
    ) -> None:
        series: defaultdict[tuple[int, str, int], list[Meter]] = defaultdict(list)
        for meter in some:
            if meter.active:
                index = self._choice.index_of(meter)
                for register in meter.registers:
                    if adds_up(register):
                        series[index, register, meter.interval_s].append(meter)
        for (index, register, interval_s), meters in sorted(
            series.items(), key=lambda item: item[0]
        ):
            rules = self._choice.sets[index]
            if rules.gap is None:
                continue
            for begin in range(0, len(meters), METERS_AT_ONCE):
                at_once = meters[begin : begin + METERS_AT_ONCE]
                await self._series(
                    turn, at_once, register, interval_s, rules, begin_s, end_s, whole_from_s
                )

    async def _series(
        self,
        turn: Turn,
        meters: list[Meter],
        register: str,
        interval_s: int,
        rules: RuleSet,
        begin_s: int,
        end_s: int,
        whole_from_s: int,
    ) -> None:
        gap = rules.gap
        assert gap is not None
        # Before the first look every value was judged as it came; what is older was not waited for.
        days = LONGEST_DAYS if begin_s else gap.within_days
        begin_s = max(begin_s, end_s - days * DAY_S)
        await self._look.judge(
            turn,
            meters=[meter.meter_id for meter in meters],
            register=register,
            interval_s=interval_s,
            active=np.ones(len(meters), dtype=np.bool_),
            rules=rules,
            low=max((begin_s - gap.grace_s) // interval_s, -(-whole_from_s // interval_s), 0),
            high=(end_s - gap.grace_s) // interval_s - 1,
        )
