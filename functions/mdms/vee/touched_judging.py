"""Judging what batches have touched, each meter by its own group's rules."""

from collections.abc import Iterable

import numpy as np

from functions.mdms.meter_table import MeterTable
from functions.mdms.registry_cache import RegistryCache
from functions.mdms.resampling import adds_up
from functions.mdms.vee.group_choice import GroupChoice
from functions.mdms.vee.judging import CellReader, Judge
from functions.mdms.vee.meter_columns import MeterColumns
from functions.mdms.vee.touched import Touched
from functions.mdms.vee.turn import METERS_AT_ONCE, Turn


class TouchedJudge:
    """Brings together what was touched, whose it is, and the rules of their groups."""

    def __init__(self, cells: CellReader, registry: RegistryCache) -> None:
        self._judge = Judge(cells)
        self._registry = registry
        self._columns: MeterColumns | None = None

    async def judge(
        self, turn: Turn, blocks: Iterable[Touched], choice: GroupChoice, *, swept_s: int
    ) -> None:
        """Judge what depends on `blocks`; gaps have been looked for up to `swept_s`.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        for touched in blocks:
            if not adds_up(touched.register):
                continue
            async for part, table in self._registry.parts(touched.meters):
                of_part = touched
                if part.stop - part.start < len(touched.meters):
                    of_part = touched.take(np.arange(part.start, part.stop))
                await self._part(turn, of_part, table, choice, swept_s)

    async def _part(
        self, turn: Turn, touched: Touched, table: MeterTable, choice: GroupChoice, swept_s: int
    ) -> None:
        columns = self._columns_of(table, choice)
        position = table.locate(touched.meters)
        known = np.flatnonzero(position >= 0)
        groups = columns.group[position[known]]
        for index in np.unique(groups).tolist():
            of_group = known[groups == index]
            for begin in range(0, len(of_group), METERS_AT_ONCE):
                some = of_group[begin : begin + METERS_AT_ONCE]
                await self._judge.judge(
                    turn,
                    touched if len(some) == len(touched.meters) else touched.take(some),
                    active=columns.active[position[some]],
                    rules=choice.sets[index],
                    swept_s=swept_s,
                )

    def _columns_of(self, table: MeterTable, choice: GroupChoice) -> MeterColumns:
        if self._columns is None or not self._columns.are_of(table, choice):
            self._columns = MeterColumns(table, choice)
        return self._columns
