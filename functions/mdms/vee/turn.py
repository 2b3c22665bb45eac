"""One turn of validation: what is held of the blocks that it judges, and what it makes of that."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.finding_holders import FindingHolders
from functions.mdms.vee.gap_looks import SeriesName, Span
from functions.mdms.vee.held_findings import (
    BlockName,
    HeldRun,
    Verdict,
    judged_again,
    read_runs,
)
from functions.mdms.vee.rule_group import RuleSet
from storage.model.runs import DAY_S

Read = Callable[[Sequence[str]], Awaitable[dict[str, bytes]]]
METERS_AT_ONCE: Final = 2_000
"""A turn judges that many together: what it reads of them stays small."""
OFF_GRID_FLAG: Final = "meter-flag-off-grid"
"""What `meter-flag` finds of an interval beside its slot; the slot's own rules do not judge it."""


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """One rule's intervals that fail, (meters, intervals), with their severity and code."""

    rule: str
    severity: str
    iec_code: str | None
    mask: NDArray[np.bool_]


@dataclass(slots=True)
class Turn:
    """Findings before and after, by block; `read` gives what is held, `held` who has any.

    `looks` are times in which gaps are to be looked for later.
    """

    read: Read
    held: FindingHolders
    before: dict[BlockName, list[HeldRun]] = field(default_factory=dict)
    after: dict[BlockName, list[HeldRun]] = field(default_factory=dict)
    looks: dict[SeriesName, Span] = field(default_factory=dict)

    async def judge(
        self,
        *,
        meters: Sequence[str],
        register: str,
        interval_s: int,
        first: int,
        verdicts: Sequence[RowVerdict],
        count: int,
        kept: frozenset[str],
        rules: RuleSet,
        held: NDArray[np.bool_],
    ) -> None:
        """Take in what rules say of `count` intervals from number `first` on, since 1970.

        Rules of `kept` did not judge. Nothing is read of meters that pass and are not `held`,
        (meters,), as having findings.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        judged = held.copy()
        for one in verdicts:
            if one.mask.any():
                judged |= one.mask.any(axis=1)
        rows = np.flatnonzero(judged).tolist()
        if not rows or count <= 0:
            return
        a_day = DAY_S // interval_s
        days = range(first // a_day, (first + count - 1) // a_day + 1)
        await self._fetch(
            [BlockName(meters[at], register, day, interval_s) for at in rows for day in days]
        )
        for at in rows:
            for day in days:
                begin = max(first, day * a_day)
                end = min(first + count, (day + 1) * a_day)
                cut = slice(begin - first, end - first)
                name = BlockName(meters[at], register, day, interval_s)
                self.after[name] = judged_again(
                    self.after[name],
                    [
                        Verdict(one.rule, one.severity, one.iec_code, one.mask[at, cut])
                        for one in verdicts
                        if one.mask[at, cut].any()
                    ],
                    slots=a_day,
                    begin=begin - day * a_day,
                    end=end - day * a_day,
                    kept=kept,
                    group=rules.group,
                    version=rules.version,
                )

    async def came(
        self,
        *,
        meters: Sequence[str],
        register: str,
        interval_s: int,
        first: int,
        present: NDArray[np.bool_],
        rules: RuleSet,
        rule: str,
    ) -> None:
        """Take what is `present`, (meters, intervals) from number `first` on, out of what `rule`
        says is missing.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        a_day = DAY_S // interval_s
        end = first + present.shape[1]
        days = range(first // a_day, (end - 1) // a_day + 1)
        names = {
            (at, day): BlockName(meters[at], register, day, interval_s)
            for at in range(len(meters))
            for day in days
        }
        await self._fetch(list(names.values()))
        for (at, day), name in names.items():
            missing = [run for run in self.after[name] if run.rule == rule]
            if not missing:
                continue
            begin, until = max(first, day * a_day), min(end, (day + 1) * a_day)
            absent = np.ones(a_day, dtype=np.bool_)
            absent[begin - day * a_day : until - day * a_day] = ~present[
                at, begin - first : until - first
            ]
            kept = frozenset(run.rule for run in self.after[name]) - {rule}
            self.after[name] = judged_again(
                self.after[name],
                [_what_is_left(run, absent) for run in missing],
                slots=a_day,
                begin=0,
                end=a_day,
                kept=kept,
                group=rules.group,
                version=rules.version,
            )

    def look_later(self, name: SeriesName, span: Span) -> None:
        """Note that gaps of a series are to be looked for in `span`, and in what depends on it."""
        known = self.looks.get(name)
        self.looks[name] = span if known is None else known.joined(span)

    async def put_reads(
        self,
        judged: Mapping[BlockName, Mapping[int, list[HeldRun]]],
        *,
        kept: frozenset[str],
    ) -> None:
        """Take in what rules say of register reads: by block and second of its day, what fails.

        Rules of `kept` did not judge.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        names = [
            name
            for name, seconds in judged.items()
            if name.meter_id in self.held or any(seconds.values())
        ]
        await self._fetch(names)
        for name in names:
            before = {run.said: run for run in self.after[name]}
            left = [
                run for run in self.after[name] if run.first not in judged[name] or run.rule in kept
            ]
            new = [run for runs in judged[name].values() for run in runs]
            self.after[name] = left + [before.get(run.said, run) for run in new]

    async def _fetch(self, names: Sequence[BlockName]) -> None:
        unknown = [name for name in dict.fromkeys(names) if name not in self.before]
        asked = [name for name in unknown if name.meter_id in self.held]
        records = await self.read([name.text for name in asked]) if asked else {}
        for name in unknown:
            record = records.get(name.text)
            runs = [] if record is None else read_runs(record)
            self.before[name] = runs
            self.after[name] = runs

    def changed(self) -> dict[BlockName, list[HeldRun]]:
        """The blocks of which something else is held now than before."""
        return {
            name: runs
            for name, runs in self.after.items()
            if {run.said for run in runs} != {run.said for run in self.before[name]}
        }


def kept_beside(rules: RuleSet, judging: AbstractSet[str]) -> frozenset[str]:
    """The names of what stays as it is while the rules `judging` of a group judge."""
    return (rules.names | {OFF_GRID_FLAG}) - judging


def _what_is_left(run: HeldRun, absent: NDArray[np.bool_]) -> Verdict:
    mask = np.zeros(len(absent), dtype=np.bool_)
    mask[run.first : run.first + run.count] = True
    return Verdict(run.rule, run.severity, run.iec_code, mask & absent)
