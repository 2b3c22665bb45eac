"""Validation of register reads: with the read before each, and the intervals in between."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.held_findings import BlockName, HeldRun
from functions.mdms.vee.meter_flag import MeterFlag
from functions.mdms.vee.register_pairs import RegisterPairs
from functions.mdms.vee.rule_group import RuleSet
from functions.mdms.vee.turn import Turn
from storage.model.block import PRESENT, BlockKey
from storage.model.event_block import EventKey
from storage.model.interval_lengths import length_periods
from storage.model.meter import Meter
from storage.model.runs import DAY_S

LONGEST_DAYS: Final = 2
"""Reads that are further apart are not compared on the way; headquarters has all of them."""


class ReadReader(Protocol):
    """Where reads and intervals are read from: `RedisHotStore`."""

    async def read_events(self, keys: Sequence[EventKey]) -> Mapping[EventKey, NDArray[np.void]]:
        """Events of the blocks that exist, by instant."""

    async def read(self, keys: Sequence[BlockKey]) -> Mapping[BlockKey, NDArray[np.void]]:
        """Slots of the blocks that exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchedReads:
    """Something was written of a meter's register between two instants, both included."""

    meter: Meter
    register: str
    begin_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two reads that follow one another, and which of what was touched they are of."""

    of: int
    begin_s: int
    end_s: int
    before: int
    after: int


class RegisterJudge:
    """Tries a group's register rules on the pairs of reads around what was written."""

    def __init__(self, store: ReadReader) -> None:
        self._store = store

    async def judge(self, turn: Turn, touched: Sequence[TouchedReads], rules: RuleSet) -> None:
        """Judge the later read of every pair that depends on `touched`, all of the group `rules`.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        pairs = await self._pairs(touched)
        if not pairs:
            return
        sums = await self._between(touched, pairs)
        columns = RegisterPairs(
            before=np.array([one.before for one in pairs], dtype=np.int64),
            after=np.array([one.after for one in pairs], dtype=np.int64),
            seconds=np.array([one.end_s - one.begin_s for one in pairs], dtype=np.int64),
            end=np.array([10 ** touched[one.of].meter.dials for one in pairs], dtype=np.int64),
            multiplier=np.array([touched[one.of].meter.multiplier for one in pairs]),
            between_wh=np.array([0 if one is None else one for one in sums], dtype=np.int64),
            complete=np.array([one is not None for one in sums]),
        )
        fails = [(one, one.rule.fails(columns)) for one in rules.registers]
        judged: defaultdict[BlockName, dict[int, list[HeldRun]]] = defaultdict(dict)
        for at, pair in enumerate(pairs):
            of = touched[pair.of]
            day, second = divmod(pair.end_s, DAY_S)
            judged[BlockName(of.meter.meter_id, of.register, day, 0)][second] = [
                HeldRun(
                    applied.rule.name,
                    second,
                    1,
                    applied.severity.value,
                    applied.rule.iec_codes[0],
                    rules.group,
                    rules.version,
                )
                for applied, mask in fails
                if mask[at]
            ]
        await turn.put_reads(judged, kept=frozenset({MeterFlag.name}))

    async def _pairs(self, touched: Sequence[TouchedReads]) -> list[_Pair]:
        spans = [
            range(
                max(0, one.begin_s // DAY_S - LONGEST_DAYS), one.end_s // DAY_S + LONGEST_DAYS + 1
            )
            for one in touched
        ]
        keys = [
            EventKey(one.meter.meter_id, one.register, day, 0)
            for one, days in zip(touched, spans, strict=True)
            for day in days
        ]
        blocks = await self._store.read_events(list(dict.fromkeys(keys)))
        pairs = []
        for of, (one, days) in enumerate(zip(touched, spans, strict=True)):
            reads: list[tuple[int, int]] = []
            for day in days:
                events = blocks.get(EventKey(one.meter.meter_id, one.register, day, 0), ())
                reads += [(day * DAY_S + int(event["at"]), int(event["final"])) for event in events]
            for (begin_s, before), (end_s, after) in pairwise(reads):
                near = begin_s <= one.end_s and end_s >= one.begin_s
                if near and end_s - begin_s <= LONGEST_DAYS * DAY_S:
                    pairs.append(_Pair(of, begin_s, end_s, before, after))
        return pairs

    async def _between(
        self, touched: Sequence[TouchedReads], pairs: Sequence[_Pair]
    ) -> list[int | None]:
        """Sum of the intervals between the reads of each pair; None where it is not whole."""
        keys: dict[BlockKey, None] = {}
        lengths = []
        for pair in pairs:
            length = _length(touched[pair.of].meter, pair)
            lengths.append(length)
            if length:
                of = touched[pair.of]
                for day in range(pair.begin_s // DAY_S, (pair.end_s - 1) // DAY_S + 1):
                    keys[BlockKey(of.meter.meter_id, of.register, day, length)] = None
        blocks = await self._store.read(list(keys))
        sums: list[int | None] = []
        for pair, length in zip(pairs, lengths, strict=True):
            total: int | None = 0 if length else None
            of = touched[pair.of]
            days = range(pair.begin_s // DAY_S, (pair.end_s - 1) // DAY_S + 1) if length else ()
            for day in days:
                slots = blocks.get(BlockKey(of.meter.meter_id, of.register, day, length))
                first = max(pair.begin_s - day * DAY_S, 0) // length
                last = min(pair.end_s - day * DAY_S, DAY_S) // length
                if slots is None or not (slots["flags"][first:last] & PRESENT).all():
                    total = None
                    break
                total = (total or 0) + int(slots["final"][first:last].sum(dtype=np.int64))
            sums.append(total)
        return sums


def _length(meter: Meter, pair: _Pair) -> int:
    """The interval length on whose grid both reads are, 0 when there is none."""
    for period in length_periods(meter):
        whole = period.holds(pair.begin_s) and (period.end_s is None or pair.end_s <= period.end_s)
        on_grid = pair.begin_s % period.interval_s == 0 and pair.end_s % period.interval_s == 0
        if whole and on_grid:
            return period.interval_s
    return 0
