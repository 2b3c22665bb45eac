"""Validation of what was touched: every verdict that may have changed, and no other."""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.gap_check import GapCheck
from functions.mdms.vee.gaps import expected
from functions.mdms.vee.rule import Stretch
from functions.mdms.vee.rule_group import Applied, RuleSet
from functions.mdms.vee.touched import Touched
from functions.mdms.vee.turn import RowVerdict, Turn
from storage.model.block import PRESENT
from storage.model.meter import Meter
from storage.model.quality import CLASS_OF_QUALITY, QualityClass
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
        meters: Sequence[Meter],
        rules: RuleSet,
        swept_s: int,
    ) -> None:
        """Judge what depends on `touched`, which is of `meters`, all of the group `rules`.

        `swept_s` is the instant up to which gaps have been looked for.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        base = touched.day * (DAY_S // touched.interval_s)
        low, high = base + int(touched.first.min()), base + int(touched.last.max())
        near: list[Applied] = []
        far: list[Applied] = []
        for one in rules.intervals:
            if not isinstance(one.rule, GapCheck):
                is_near = one.rule.neighbours(touched.interval_s) <= NEAR
                (near if is_near else far).append(one)
        around = max([1, *(one.rule.neighbours(touched.interval_s) for one in near)])
        first = max(0, low - 2 * around)
        seen = await self.stretch(touched, meters, first=first, end=high + 2 * around + 1)
        every = frozenset(one.rule.name for one in rules.intervals)
        await self._put(
            turn,
            touched,
            seen,
            near,
            rules,
            first=first,
            low=low - around,
            high=high + around,
            kept=every - {one.rule.name for one in near},
        )
        held = np.array([name in turn.held for name in touched.meters])
        for one in far:
            concerned = one.rule.concerns(seen)[:, low - first : high - first + 1].any(axis=1)
            rows = np.flatnonzero(concerned | held)
            if len(rows):
                reach = one.rule.neighbours(touched.interval_s)
                some = touched.take(rows)
                start = max(0, low - 2 * reach)
                wide = await self.stretch(
                    some,
                    [meters[at] for at in rows.tolist()],
                    first=start,
                    end=high + 2 * reach + 1,
                )
                await self._put(
                    turn,
                    some,
                    wide,
                    [one],
                    rules,
                    first=start,
                    low=low - reach,
                    high=high + reach,
                    kept=every - {one.rule.name},
                )
        gap = rules.gap
        if gap is not None:
            at = first + np.arange(seen.present.shape[1])
            limit = (swept_s - gap.grace_s) // touched.interval_s - 1
            looked = (at >= base + touched.first[:, None]) & (
                at <= np.minimum(base + touched.last[:, None] + 1, limit)
            )
            rows = np.flatnonzero((~seen.present & looked).any(axis=1) | held)
            if len(rows):
                within = gap.within_days * DAY_S // touched.interval_s
                until = max(high, min(high + within, limit))
                await self.judge_gaps(
                    turn,
                    touched.take(rows),
                    [meters[at] for at in rows.tolist()],
                    rules=rules,
                    low=low,
                    high=until,
                    limit=limit,
                )

    async def judge_gaps(
        self,
        turn: Turn,
        touched: Touched,
        meters: Sequence[Meter],
        *,
        rules: RuleSet,
        low: int,
        high: int,
        limit: int,
    ) -> None:
        """Judge which of the intervals number `low` to `high` are missing, none after `limit`.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        gap = next(one for one in rules.intervals if isinstance(one.rule, GapCheck))
        assert isinstance(gap.rule, GapCheck)
        within = gap.rule.within_days * DAY_S // touched.interval_s
        first = max(0, low - within)
        seen = await self.stretch(touched, meters, first=first, end=high + 1)
        waited = expected(seen.present, within=within, last=limit - first)
        names = frozenset(one.rule.name for one in rules.intervals)
        await self._put(
            turn,
            touched,
            replace_expected(seen, waited),
            [gap],
            rules,
            first=first,
            low=low,
            high=high,
            kept=names - {gap.rule.name},
        )

    async def stretch(
        self, touched: Touched, meters: Iterable[Meter], *, first: int, end: int
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
            active=np.array([meter.active for meter in meters], dtype=np.bool_),
            estimated=CLASS_OF_QUALITY[cells["quality"]] == QualityClass.ESTIMATED,
            versions=cells["revision"].astype(np.int64),
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
        first: int,
        low: int,
        high: int,
        kept: frozenset[str],
    ) -> None:
        low = max(low, first)
        cut = slice(low - first, high - first + 1)
        verdicts = [
            RowVerdict(one.rule.name, one.severity.value, suspects.iec_code, suspects.mask[:, cut])
            for one in applied
            for suspects in one.rule.suspects(seen)
        ]
        await turn.judge(
            meters=touched.meters,
            register=touched.register,
            interval_s=touched.interval_s,
            first=low,
            verdicts=verdicts,
            count=high - low + 1,
            kept=kept,
            rules=rules,
        )


def replace_expected(seen: Stretch, waited: NDArray[np.bool_]) -> Stretch:
    """The same intervals, of which those of `waited` are expected."""
    return Stretch(
        energy_wh=seen.energy_wh,
        present=seen.present,
        interval_s=seen.interval_s,
        active=seen.active,
        estimated=seen.estimated,
        versions=seen.versions,
        expected=waited,
        register=seen.register,
    )
