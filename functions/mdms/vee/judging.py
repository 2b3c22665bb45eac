"""Validation of what was touched: every verdict that may have changed, and no other."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.gap_check import GapCheck
from functions.mdms.vee.gap_looks import SeriesName, Span
from functions.mdms.vee.rule import Stretch
from functions.mdms.vee.rule_group import RULES, Applied, RuleSet
from functions.mdms.vee.touched import Touched
from functions.mdms.vee.turn import RowVerdict, Turn, kept_beside
from storage.model.block import PRESENT
from storage.model.quality import CLASS_OF_QUALITY, Quality, QualityClass
from storage.model.runs import DAY_S

NEAR: Final = 16
"""Rules that look further than this many intervals around look at the meters they concern only."""


class CellReader(Protocol):
    """Where the values are read from: `RedisHotStore.read_cells`."""

    async def read_cells(
        self, meters: Sequence[str], *, register: str, day: int, interval_s: int, slots: range
    ) -> NDArray[np.void]:
        """The same slots of many meters, (meters, slots), zeros where nothing is stored.

        Raises:
            StoreUnavailable: no answer in time.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """Intervals are seen from number `first` on; those from `low` to `high` are judged."""

    first: int
    low: int
    high: int


class Judge:
    """Tries a group's rules on the values that are stored, around what was written.

    A verdict is a function of what is stored, so that neither the order nor the number of turns
    matters: after the last one, findings are those of the values that are there.
    """

    def __init__(self, cells: CellReader) -> None:
        self._cells = cells

    async def judge(
        self,
        turn: Turn,
        touched: Touched,
        *,
        active: NDArray[np.bool_],
        rules: RuleSet,
        swept_s: int,
    ) -> None:
        """Judge what depends on `touched`, of meters all of the group `rules`.

        `active` (meters,) says which are in use, `swept_s` is the instant up to which gaps have
        been looked for. A gap goes when a value comes; one that may have opened is looked for
        later, since the next batch is likely to close it.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        length = touched.interval_s
        base = touched.day * (DAY_S // length)
        low, high = base + int(touched.first.min()), base + int(touched.last.max())
        # What a rule says that the group no longer has goes with what is judged beside it.
        gone = set(RULES) - rules.names
        near: defaultdict[int, list[Applied]] = defaultdict(list)
        far: list[Applied] = []
        for one in rules.intervals:
            reach = one.rule.neighbours(length)
            if reach > NEAR:
                far.append(one)
            elif not isinstance(one.rule, GapCheck):
                near[reach].append(one)
        around = max(near, default=0)
        first = max(0, low - 2 * around)
        seen = await self.stretch(touched, active, first=first, end=high + max(2 * around, 1) + 1)
        for reach, some in near.items():
            start = max(first, low - 2 * reach)
            cut = seen.columns(slice(start - first, high + 2 * reach + 1 - first))
            span = _Span(first=start, low=low - reach, high=high + reach)
            held = turn.held.mask(touched.meters, gone.union(one.rule.name for one in some))
            await self._put(turn, touched, cut, some, rules, span=span, held=held)
        for one in far:
            concerned = one.rule.concerns(seen)[:, low - first : high - first + 1].any(axis=1)
            held = turn.held.mask(touched.meters, {one.rule.name})
            rows = np.flatnonzero(concerned | held)
            if len(rows):
                reach = one.rule.neighbours(length)
                of_rows = touched.take(rows)
                start = max(0, low - 2 * reach)
                end = high + 2 * reach + 1
                wide = await self.stretch(of_rows, active[rows], first=start, end=end)
                span = _Span(first=start, low=low - reach, high=high + reach)
                await self._put(turn, of_rows, wide, [one], rules, span=span, held=held[rows])
        if rules.gap is not None:
            limit = (swept_s - rules.gap.grace_s) // length - 1
            at = first + np.arange(seen.present.shape[1])
            looked = (at >= base + touched.first[:, None]) & (
                at <= np.minimum(base + touched.last[:, None] + 1, limit)
            )
            for row in np.flatnonzero((~seen.present & looked).any(axis=1)).tolist():
                name = SeriesName(touched.meters[row], touched.register, length)
                begin, end = base + int(touched.first[row]), base + int(touched.last[row]) + 1
                turn.look_later(name, Span(begin, end))
            rows = np.flatnonzero(turn.held.mask(touched.meters, {rules.gap.name}))
            if len(rows):
                await turn.came(
                    meters=[touched.meters[row] for row in rows.tolist()],
                    register=touched.register,
                    interval_s=length,
                    first=low,
                    present=seen.present[rows, low - first : high - first + 1],
                    rules=rules,
                    rule=rules.gap.name,
                )

    async def stretch(
        self, touched: Touched, active: NDArray[np.bool_], *, first: int, end: int
    ) -> Stretch:
        """The intervals number `first` to `end`, counted since 1970, of the meters of `touched`.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        a_day = DAY_S // touched.interval_s
        parts = []
        for day in range(first // a_day, (end - 1) // a_day + 1):
            slots = range(max(first - day * a_day, 0), min(end - day * a_day, a_day))
            parts.append(
                await self._cells.read_cells(
                    touched.meters,
                    register=touched.register,
                    day=day,
                    interval_s=touched.interval_s,
                    slots=slots,
                )
            )
        cells = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        present = (cells["flags"] & PRESENT) != 0
        return Stretch(
            energy_wh=np.where(present, cells["final"], 0).astype(np.int64),
            present=present,
            interval_s=touched.interval_s,
            active=active,
            estimated=CLASS_OF_QUALITY[cells["quality"]] == QualityClass.ESTIMATED,
            versions=cells["revision"],
            flagged=cells["quality"] == Quality.QUESTIONABLE,
            register=touched.register,
        )

    async def _put(
        self,
        turn: Turn,
        touched: Touched,
        seen: Stretch,
        applied: Sequence[Applied],
        rules: RuleSet,
        *,
        span: _Span,
        held: NDArray[np.bool_],
    ) -> None:
        low = max(span.low, span.first)
        cut = slice(low - span.first, span.high - span.first + 1)
        verdicts = [
            RowVerdict(one.rule.name, one.severity.value, suspects.iec_code, suspects.mask[:, cut])
            for one in applied
            for suspects in one.rule.suspects(seen)
        ]
        judging = {one.rule.name for one in applied}
        await turn.judge(
            meters=touched.meters,
            register=touched.register,
            interval_s=touched.interval_s,
            first=low,
            verdicts=verdicts,
            count=span.high - low + 1,
            kept=kept_beside(rules, judging),
            rules=rules,
            held=held,
        )
