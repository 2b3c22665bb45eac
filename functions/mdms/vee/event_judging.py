"""Judging register reads and what meters flag, each meter by its own group's rules."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol

from functions.mdms.registry_cache import RegistryCache
from functions.mdms.vee.flagged_events import FlagJudge
from functions.mdms.vee.group_choice import GroupChoice
from functions.mdms.vee.read_instants import ReadInstants
from functions.mdms.vee.register_judging import ReadReader, RegisterJudge, TouchedReads
from functions.mdms.vee.rule_group import RuleSet
from functions.mdms.vee.touched import Touched
from functions.mdms.vee.turn import Turn
from storage.model.events import EventBatch


class InstantBook(Protocol):
    """The newest instant of each register's reads: `storage.hot.validation.HotValidation`.

    Each call may raise StoreUnavailable.
    """

    async def read_instants(self, *, most: int) -> dict[tuple[str, str], int] | None: ...
    async def instants_of(
        self, series: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], int]: ...
    async def note_reads(self, newest: Mapping[tuple[str, str], int]) -> None: ...


class EventJudge:
    """Knows the newest read of each register, as far as it remembers them."""

    def __init__(self, cells: ReadReader, instants: InstantBook, registry: RegistryCache) -> None:
        self._registers = RegisterJudge(cells)
        self._flags = FlagJudge(cells)
        self._instants = instants
        self._registry = registry
        self._reads = ReadInstants({})

    async def begin_anew(self) -> None:
        """Read what the store holds of the newest reads.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        self._reads = ReadInstants(await self._instants.read_instants(most=self._registry.most))

    async def judge(
        self,
        turn: Turn,
        events: Sequence[EventBatch],
        blocks: Sequence[Touched],
        choice: GroupChoice,
    ) -> None:
        """Judge the reads of `events`, those that depend on `blocks`, and what events flag.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        if wanted := self._reads.wanted(events, blocks):
            self._reads.tell(await self._instants.instants_of(wanted))
        newer = self._reads.take(events)
        if newer:
            await self._instants.note_reads(newer)
        spans = self._reads.touched(events, blocks)
        if len(self._reads) > self._registry.most:
            self._reads = ReadInstants(None)
        names = {meter_id for meter_id, _ in spans}.union(*(batch.meters for batch in events))
        meters = {meter.meter_id: meter for meter in await self._registry.some(sorted(names))}
        by_group: defaultdict[int, list[TouchedReads]] = defaultdict(list)
        for (meter_id, register), (begin_s, end_s) in spans.items():
            meter = meters.get(meter_id)
            if meter is not None:
                of = TouchedReads(meter=meter, register=register, begin_s=begin_s, end_s=end_s)
                by_group[choice.index_of(meter)].append(of)
        for index, touched in by_group.items():
            if choice.sets[index].registers:
                await self._registers.judge(turn, touched, choice.sets[index])

        def rules_of(meter_id: str) -> RuleSet | None:
            meter = meters.get(meter_id)
            return None if meter is None else choice.of(meter)

        await self._flags.judge(turn, events, rules_of)
