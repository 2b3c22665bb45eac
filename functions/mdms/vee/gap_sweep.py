"""Looking for gaps once the data's clock has gone on: who did not say what others said."""

from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

import numpy as np

from functions.mdms.resampling import adds_up
from functions.mdms.vee.gap_check import GapCheck
from functions.mdms.vee.gap_look import GapLook
from functions.mdms.vee.group_choice import GroupChoice
from functions.mdms.vee.turn import METERS_AT_ONCE, Turn
from storage.model.meter import Meter
from storage.model.runs import DAY_S

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
            await self._judge(turn, some)
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

    async def _judge(self, turn: Turn, some: Sequence[Meter]) -> None:
        series: defaultdict[tuple[int, str, int], list[str]] = defaultdict(list)
        for meter in some:
            if meter.active:
                index = self._choice.index_of(meter)
                for register in meter.registers:
                    if adds_up(register):
                        series[index, register, meter.interval_s].append(meter.meter_id)
        for (index, register, interval_s), meters in sorted(series.items()):
            rules = self._choice.sets[index]
            if rules.gap is not None:
                low, high = self._due(rules.gap, interval_s)
                await self._look.judge(
                    turn,
                    meters=meters,
                    register=register,
                    interval_s=interval_s,
                    active=np.ones(len(meters), dtype=np.bool_),
                    rules=rules,
                    low=low,
                    high=high,
                )

    def _due(self, gap: GapCheck, interval_s: int) -> tuple[int, int]:
        """Numbers of the first and the last interval that became due."""
        # Before the first look every value was judged as it came; what is older was not waited for.
        days = LONGEST_DAYS if self.begin_s else gap.within_days
        begin_s = max(self.begin_s, self.end_s - days * DAY_S)
        low = max((begin_s - gap.grace_s) // interval_s, -(-self.whole_from_s // interval_s), 0)
        return low, (self.end_s - gap.grace_s) // interval_s - 1
