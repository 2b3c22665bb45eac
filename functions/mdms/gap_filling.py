"""Gaps that a rule group says to fill: estimated in zone 2 once they are old enough."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import date
from itertools import islice
from typing import Final

import numpy as np

from functions.mdms.estimation.method import Method
from functions.mdms.estimation.method_list import default_methods, read_method
from functions.mdms.estimation_run import EstimationPlan, MeterEstimate, estimate
from functions.mdms.ports import Backing
from functions.mdms.vee.gap_check import GapCheck
from functions.mdms.vee.group_choice import GroupChoice
from functions.mdms.vee.held_findings import BlockName, HeldRun
from storage.model.block import PRESENT
from storage.model.meter import Meter
from storage.model.runs import DAY_S, RunBatch
from storage.ports import Acceptance

MOST_AT_ONCE: Final = 200
"""Gaps that are estimated in one go: history of weeks is read for each."""
FINDINGS_AT_ONCE: Final = 1_000
MOST_REMEMBERED: Final = 100_000

Accept = Callable[[RunBatch], Awaitable[Acceptance]]


class GapFilling:
    """Estimates are ordinary readings of a lower class: an actual value wins, whenever it comes."""

    def __init__(
        self,
        zone: Backing,
        accept: Accept,
        *,
        weekend: frozenset[int],
        holidays: frozenset[date] = frozenset(),
    ) -> None:
        """`accept` stores readings that this zone stamps; days are as in `EstimationPlan`."""
        self._zone = zone
        self._accept = accept
        self._weekend = weekend
        self._holidays = holidays
        self._tried: dict[tuple[BlockName, int, int], None] = {}

    async def fill(
        self,
        findings: Iterable[tuple[BlockName, list[HeldRun]]],
        *,
        choice: GroupChoice,
        newest_s: int,
    ) -> AsyncIterator[RunBatch]:
        """Estimate gaps that are due when the newest data is of `newest_s`; give what was stored.

        A gap is tried once as it is; when it has grown, again.

        Raises:
            StoreUnavailable, StoreFull: some may be stored; doing it again is harmless.
        """
        tried = 0
        async for meter, name, runs in self._with_meters(findings):
            fill = choice.of(meter).fill
            if fill is None or not meter.active:
                continue
            for run in runs:
                begin_s = name.day * DAY_S + run.first * name.interval_s
                due = (newest_s - fill.after_s - begin_s) // name.interval_s
                count = min(run.count, due)
                key = name, run.first, count
                if run.rule != GapCheck.name or count <= 0 or key in self._tried:
                    continue
                if tried == MOST_AT_ONCE:
                    return
                tried += 1
                plan = EstimationPlan(
                    register=name.register,
                    begin_s=begin_s,
                    end_s=begin_s + count * name.interval_s,
                    methods=_methods(fill.methods),
                    # Register reads around the gap say what its sum is, where there are any.
                    scale=True,
                    weekend=self._weekend,
                    holidays=self._holidays,
                )
                async for found in estimate(self._zone, [meter], plan):
                    batch = _batch(found, plan.methods, interval_s=name.interval_s)
                    if batch is not None:
                        await self._accept(batch)
                        yield batch
                if len(self._tried) >= MOST_REMEMBERED:
                    self._tried.clear()
                self._tried[key] = None

    async def _with_meters(
        self, findings: Iterable[tuple[BlockName, list[HeldRun]]]
    ) -> AsyncIterator[tuple[Meter, BlockName, list[HeldRun]]]:
        rest = iter(findings)
        while some := list(islice(rest, FINDINGS_AT_ONCE)):
            names = list({name.meter_id: None for name, _ in some})
            meters = {meter.meter_id: meter for meter in await self._zone.book.some(names)}
            for name, runs in some:
                if (meter := meters.get(name.meter_id)) is not None:
                    yield meter, name, runs


def _methods(names: tuple[str, ...]) -> list[Method]:
    return [read_method(name, {}) for name in names] if names else default_methods()


def _batch(found: MeterEstimate, methods: Sequence[Method], *, interval_s: int) -> RunBatch | None:
    """What was estimated of the intervals without any value, one run each."""
    if found.page.interval_s != interval_s:
        return None
    absent = (found.slots["flags"] & PRESENT) == 0
    at = np.flatnonzero((found.method >= 0) & absent)
    fits = np.abs(found.energy_wh[at]) < 1 << 31
    at = at[fits]
    if not len(at):
        return None
    quality = np.array([int(one.quality) for one in methods], dtype=np.uint8)
    return RunBatch(
        meters=[found.meter.meter_id],
        registers=[found.page.register],
        run_meter=np.zeros(len(at), dtype=np.int32),
        run_register=np.zeros(len(at), dtype=np.uint8),
        run_interval_s=np.full(len(at), interval_s, dtype=np.int32),
        run_start=(found.page.first + at.astype(np.int64)) * interval_s,
        run_length=np.ones(len(at), dtype=np.int32),
        values=found.energy_wh[at].astype(np.int32),
        quality=quality[found.method[at]],
    )
