"""Register reads and off-grid intervals that their meter doubts: late clocks are off the grid."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.resampling import adds_up
from functions.mdms.vee.held_findings import BlockName, HeldRun
from functions.mdms.vee.meter_flag import MeterFlag
from functions.mdms.vee.register_judging import ReadReader
from functions.mdms.vee.rule_group import REGISTER_RULES, RULES, Applied, RuleSet
from functions.mdms.vee.turn import OFF_GRID_FLAG, RowVerdict, Turn
from storage.model.event_block import EventKey
from storage.model.events import EventBatch
from storage.model.quality import Quality
from storage.model.runs import DAY_S

_OTHERS_OF_READS: Final = frozenset(REGISTER_RULES)
_OTHERS_OF_SLOTS: Final = frozenset(RULES)


class FlagJudge:
    """Says which events are flagged: reads by instant, intervals by the slot they start in."""

    def __init__(self, store: ReadReader) -> None:
        self._store = store

    async def judge(
        self,
        turn: Turn,
        events: Sequence[EventBatch],
        rules_of: Callable[[str], RuleSet | None],
    ) -> None:
        """Judge the events of `events` anew; `rules_of` has None for a meter that is not known.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        touched = _touched(turn, events)
        blocks = await self._store.read_events(list(touched))
        reads: defaultdict[BlockName, dict[int, list[HeldRun]]] = defaultdict(dict)
        for key, seconds in touched.items():
            rules = rules_of(key.meter_id)
            if rules is None:
                continue
            flag = rules.flag
            flagged = _flagged(blocks.get(key), flag)
            if key.interval_s == 0:
                name = BlockName(key.meter_id, key.register, key.day, 0)
                for second in seconds:
                    found = [_run(second, flag, rules)] if flag and second in flagged else []
                    reads[name][second] = found
            else:
                await _put_slots(turn, key, seconds, flagged, rules)
        await turn.put_reads(reads, kept=_OTHERS_OF_READS)


def _touched(turn: Turn, events: Sequence[EventBatch]) -> dict[EventKey, set[int]]:
    """Seconds of the day by block, of what is flagged or may have been."""
    found: defaultdict[EventKey, set[int]] = defaultdict(set)
    for batch in events:
        flagged = batch.quality == Quality.QUESTIONABLE
        held = np.array([name in turn.held for name in batch.meters], dtype=np.bool_)
        summed = np.array([adds_up(name) for name in batch.registers], dtype=np.bool_)
        looked = (flagged | held[batch.event_meter]) & summed[batch.event_register]
        for at in np.flatnonzero(looked).tolist():
            day, second = divmod(int(batch.at[at]), DAY_S)
            meter, register = batch.event_meter[at], batch.event_register[at]
            length = int(batch.event_interval_s[at])
            found[EventKey(batch.meters[meter], batch.registers[register], day, length)].add(second)
    return found


def _flagged(events: NDArray[np.void] | None, flag: Applied | None) -> set[int]:
    if events is None or flag is None:
        return set()
    return set(events["at"][events["quality"] == Quality.QUESTIONABLE].tolist())


def _run(second: int, flag: Applied, rules: RuleSet) -> HeldRun:
    return HeldRun(
        flag.rule.name, second, 1, flag.severity.value, _code(flag), rules.group, rules.version
    )


def _code(flag: Applied) -> str:
    assert isinstance(flag.rule, MeterFlag)
    return flag.rule.iec_code


async def _put_slots(
    turn: Turn, key: EventKey, seconds: set[int], flagged: set[int], rules: RuleSet
) -> None:
    length, flag = key.interval_s, rules.flag
    low, high = min(seconds) // length, max(seconds) // length
    mask = np.zeros((1, high - low + 1), dtype=np.bool_)
    slots = [second // length - low for second in flagged]
    mask[0, [slot for slot in slots if 0 <= slot <= high - low]] = True
    verdicts = []
    if flag is not None:
        verdicts = [RowVerdict(OFF_GRID_FLAG, flag.severity.value, _code(flag), mask)]
    await turn.judge(
        meters=[key.meter_id],
        register=key.register,
        interval_s=length,
        first=key.day * (DAY_S // length) + low,
        verdicts=verdicts,
        count=high - low + 1,
        kept=_OTHERS_OF_SLOTS,
        rules=rules,
        held=np.array([key.meter_id in turn.held]),
    )
