"""One turn of validation: what is held of the blocks that it judges, and what it makes of that."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
    """Findings before and after, by block; `read` gives what is held, `held` the meters of it."""

    read: Read
    held: set[str]
    before: dict[BlockName, list[HeldRun]] = field(default_factory=dict)
    after: dict[BlockName, list[HeldRun]] = field(default_factory=dict)

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
