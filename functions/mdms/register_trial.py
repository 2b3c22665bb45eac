"""Register rules tried on the reads that are stored: as validation on the way would judge them."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final

from functions.mdms.period_query import instant_text
from functions.mdms.vee.finding_holders import FindingHolders
from functions.mdms.vee.held_findings import HeldRun
from functions.mdms.vee.register_judging import ReadReader, RegisterJudge, TouchedReads
from functions.mdms.vee.rule_group import RuleSet
from functions.mdms.vee.turn import Turn
from storage.model.meter import Meter
from storage.model.runs import DAY_S

METERS_AT_ONCE: Final = 100
Failing = dict[tuple[str, int], HeldRun]
"""By rule and instant, what fails of one meter's register."""


async def failing_reads(
    store: ReadReader,
    meters: Sequence[Meter],
    *,
    register: str,
    begin_s: int,
    end_s: int,
    rules_of: Callable[[Meter], RuleSet],
) -> dict[str, Failing]:
    """What fails by meter, of reads in `[begin_s, end_s)`; each is seen with the read before it.

    Raises:
        StoreUnavailable: no answer before the deadline.
    """
    judge = RegisterJudge(store)
    by_rules: defaultdict[int, list[Meter]] = defaultdict(list)
    rules: dict[int, RuleSet] = {}
    for meter in meters:
        own = rules_of(meter)
        if own.registers and begin_s < end_s:
            rules[id(own)] = own
            by_rules[id(own)].append(meter)
    found: defaultdict[str, Failing] = defaultdict(dict)
    for number, of_rules in by_rules.items():
        for begin in range(0, len(of_rules), METERS_AT_ONCE):
            turn = Turn(_nothing_held, FindingHolders())
            touched = [
                TouchedReads(meter=one, register=register, begin_s=begin_s, end_s=end_s)
                for one in of_rules[begin : begin + METERS_AT_ONCE]
            ]
            await judge.judge(turn, touched, rules[number])
            for name, runs in turn.after.items():
                for run in runs:
                    at_s = name.day * DAY_S + run.first
                    if begin_s <= at_s < end_s:
                        found[name.meter_id][run.rule, at_s] = run
    return found


def read_findings(failing: Failing, rules: RuleSet) -> list[dict[str, Any]]:
    """Reads that fail, as an answer says them, rule by rule and in order."""
    by_name = {one.rule.name: one.rule for one in rules.registers}
    return [
        {
            "rule": rule,
            "severity": run.severity,
            "iec_code": run.iec_code,
            "quality": by_name[rule].quality,
            "from": instant_text(at_s),
            "to": instant_text(at_s),
            "intervals": 0,
        }
        for (rule, at_s), run in sorted(failing.items())
    ]


async def _nothing_held(_: Sequence[str]) -> dict[str, bytes]:
    return {}
