"""Looking once more for gaps that late data has opened, and in what was waited for after it."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import numpy as np

from functions.mdms.meter_table import MeterTable
from functions.mdms.vee.gap_look import GapLook
from functions.mdms.vee.gap_looks import SeriesName, Span
from functions.mdms.vee.group_choice import GroupChoice
from functions.mdms.vee.turn import METERS_AT_ONCE, Turn
from storage.model.meter import Meter
from storage.model.runs import DAY_S

Tables = Callable[[Sequence[str]], AsyncIterator[tuple[slice, MeterTable]]]


class LateGaps:
    """Goes over the series that turns have noted, those with much the same time together."""

    def __init__(self, look: GapLook, tables: Tables, choice: GroupChoice) -> None:
        """`tables` gives the registry of meters, part by part."""
        self._look = look
        self._tables = tables
        self._choice = choice

    async def over(
        self, turn: Turn, noted: Mapping[SeriesName, Span], *, end_s: int, whole_from_s: int = 0
    ) -> None:
        """Judge what is waited for in the spans and after them, up to the newest data's `end_s`.

        What is not here from before `whole_from_s` may be with the record.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        alike: defaultdict[tuple[str, int, int], list[SeriesName]] = defaultdict(list)
        for name, span in noted.items():
            day = span.first * name.interval_s // DAY_S
            alike[name.register, name.interval_s, day].append(name)
        for (register, interval_s, _), names in sorted(alike.items()):
            meter_ids = [name.meter_id for name in names]
            async for part, table in self._tables(meter_ids):
                by_group: defaultdict[int, list[tuple[Meter, Span]]] = defaultdict(list)
                for name in names[part]:
                    meter = table.get(name.meter_id)
                    if meter is not None and not meter.is_virtual:
                        by_group[self._choice.index_of(meter)].append((meter, noted[name]))
                for index, meters in sorted(by_group.items()):
                    for begin in range(0, len(meters), METERS_AT_ONCE):
                        await self._some(
                            turn,
                            meters[begin : begin + METERS_AT_ONCE],
                            index,
                            register,
                            interval_s,
                            end_s=end_s,
                            whole_from_s=whole_from_s,
                        )

    async def _some(
        self,
        turn: Turn,
        meters: Sequence[tuple[Meter, Span]],
        index: int,
        register: str,
        interval_s: int,
        *,
        end_s: int,
        whole_from_s: int,
    ) -> None:
        rules = self._choice.sets[index]
        if rules.gap is None:
            return
        within = rules.gap.within_days * DAY_S // interval_s
        due = (end_s - rules.gap.grace_s) // interval_s - 1
        await self._look.judge(
            turn,
            meters=[meter.meter_id for meter, _ in meters],
            register=register,
            interval_s=interval_s,
            active=np.array([meter.active for meter, _ in meters]),
            rules=rules,
            low=max(min(span.first for _, span in meters), -(-whole_from_s // interval_s)),
            high=min(max(span.last for _, span in meters) + within, due),
        )
