"""Validation of what passes a zone: turn by turn over what was relayed, nothing lost or doubled."""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.arrival_stream import ArrivalStream
from functions.mdms.meter_table import MeterTable
from functions.mdms.metrics import MdmsMetrics
from functions.mdms.registry_cache import RegistryCache
from functions.mdms.resampling import adds_up
from functions.mdms.validation_ports import Filler, ValidationQueue, Values
from functions.mdms.vee.flagged_events import FlagJudge
from functions.mdms.vee.gap_look import GapLook
from functions.mdms.vee.gap_looks import SWEEP, GapLooks, SeriesName, Span, read_span
from functions.mdms.vee.gap_sweep import GapSweep
from functions.mdms.vee.group_choice import GroupChoice
from functions.mdms.vee.held_findings import (
    BlockName,
    HeldRun,
    news,
    read_name,
    read_runs,
    write_runs,
)
from functions.mdms.vee.judging import Judge
from functions.mdms.vee.late_gaps import LateGaps
from functions.mdms.vee.meter_columns import MeterColumns
from functions.mdms.vee.pruning import Pruning
from functions.mdms.vee.read_instants import ReadInstants
from functions.mdms.vee.register_judging import RegisterJudge, TouchedReads
from functions.mdms.vee.rule_group import BadRule, RuleSet
from functions.mdms.vee.touched import Touched, newest_end_s, touched_blocks
from functions.mdms.vee.turn import Turn
from storage.hot.validation import ValidationState, Waiting
from storage.model.events import EventBatch
from storage.model.findings import FindingBatch
from storage.model.payload import decode_payload
from storage.model.rule_groups import ActiveRules
from storage.model.runs import DAY_S, RunBatch
from storage.model.tiers import NEVER
from storage.model.uplink import unpack_excluded
from storage.ports import StoreFull, StoreUnavailable

TURN_BYTES: Final = 8 << 20
METERS_AT_ONCE: Final = 2_000
LOOKS_A_TURN: Final = 20_000
SWEEP_TURN_S: Final = 2.0
"""How long a turn goes on with a sweep: what arrives meanwhile waits for the next one."""
RETRY_S: Final = 1.0
LEAST_REST_S: Final = 0.02
QUIET_S: Final = 0.1
"""What arrives without such a pause is a stream: its instants are better judged together."""


logger = logging.getLogger(__name__)


class Validator:
    """Works off what waits; findings and the end of what they were found in are one step.

    So a turn that is cut off anywhere is done again, from the same values or newer ones, and ends
    with the same findings.
    """

    def __init__(
        self,
        *,
        queue: ValidationQueue,
        cells: Values,
        registry: RegistryCache,
        active_rules: Callable[[], Awaitable[ActiveRules]],
        zone: str,
        metrics: MdmsMetrics,
        rest_s: float,
        sweep_s: float,
        dropped_through: Callable[[], Awaitable[int]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sweep_turn_s: float = SWEEP_TURN_S,
        swept_at_once: int = METERS_AT_ONCE,
    ) -> None:
        """While readings stream in it rests for `rest_s` before a turn, and judges them together.

        Gaps are looked for once in `sweep_s`, and not in days up to `dropped_through` (since 1970):
        what is missing there may be with the record. A turn goes on with it for `sweep_turn_s`,
        `swept_at_once` meters at a time.
        """
        self._sweep_turn_s = sweep_turn_s
        self._swept_at_once = swept_at_once
        self._sweep: GapSweep | None = None
        self._mark: Span | None = None
        self._dropped_through = dropped_through
        self._pruned_through = NEVER
        self._cells = cells
        self._queue = queue
        self._judge = Judge(cells)
        self._look = GapLook(cells)
        self._registers = RegisterJudge(cells)
        self._flags = FlagJudge(cells)
        self._reads = ReadInstants({})
        self._looks = GapLooks()
        self._registry = registry
        self._active_rules = active_rules
        self._zone = zone
        self._metrics = metrics
        self._rest_s = max(rest_s, LEAST_REST_S)
        self._sweep_s = sweep_s
        self._clock = clock
        self._stream = ArrivalStream()
        self._task: asyncio.Task[None] | None = None
        self._state: ValidationState | None = None
        self._held: set[str] = set()
        self._newest_s = 0
        self._swept_at = -float("inf")
        self._choice: GroupChoice | None = None
        self._columns: MeterColumns | None = None
        self._filler: Filler | None = None
        self._filled: list[RunBatch] = []

    def arrived(self) -> None:
        """Something was relayed."""
        self._stream.arrived()

    def fill_with(self, filler: Filler) -> None:
        """Let `filler` estimate gaps, where a rule group says so."""
        self._filler = filler

    def start(self) -> None:
        """Begin to work off what waits, in the background."""
        self._task = asyncio.create_task(self._run(), name="validation")

    async def stop(self) -> None:
        """End; what was not settled is done again by the next worker."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._leave_off()

    async def _run(self) -> None:
        while True:
            try:
                worked = await self.turn()
            except (StoreUnavailable, StoreFull) as error:
                logger.warning("validation waits: %s", error)
                await asyncio.sleep(RETRY_S)
                continue
            except Exception:
                # The edge of this task: nothing was settled, so the turn is only done again.
                logger.exception("validation failed")
                self._metrics.validation_failed()
                await asyncio.sleep(RETRY_S)
                continue
            if worked:
                await asyncio.sleep(LEAST_REST_S)
            else:
                await self._stream.next(within_s=self._sweep_s)
            quiet_s = min(QUIET_S, self._rest_s)
            await self._stream.pauses(quiet_s=quiet_s, longest_s=self._rest_s)

    async def backlog(self) -> tuple[int, int]:
        """See `ValidationBook.backlog`."""
        return await self._queue.backlog()

    async def findings_of(
        self, names: Sequence[BlockName]
    ) -> list[tuple[BlockName, list[HeldRun]]]:
        """See `ValidationBook.findings_of`."""
        records = await self._queue.findings([name.text for name in names])
        return [(name, read_runs(records[name.text])) for name in names if name.text in records]

    async def looked_until_s(self) -> int:
        """See `ValidationBook.looked_until_s`."""
        return (await self._queue.state()).newest_s

    async def turn(self) -> bool:
        """Validate the oldest that waits, and look for gaps when it is time; False without either.

        Raises:
            StoreUnavailable, StoreFull: nothing was settled; begin again.
        """
        try:
            return await self._turn()
        except BaseException:
            # What a sweep has judged in a turn is lost with the turn.
            await self._leave_off()
            raise

    async def _turn(self) -> bool:
        state = await self._known_state()
        waiting = await self._queue.waiting(max_bytes=TURN_BYTES)
        batches: list[tuple[RunBatch, NDArray[np.bool_]]] = []
        events: list[EventBatch] = []
        for one in waiting:
            batch = decode_payload(one.payload)
            if isinstance(batch, RunBatch):
                batches.append((batch, unpack_excluded(one.excluded, len(batch))))
            else:
                events.append(batch)
        self._newest_s = max(
            self._newest_s, state.newest_s, newest_end_s(batch for batch, _ in batches)
        )
        whole_from_s = await self._whole_from_s()
        if self._sweep is not None and self._sweep.whole_from_s != whole_from_s:
            await self._leave_off()
        due = self._sweep is None and self._clock() - self._swept_at >= self._sweep_s
        begins = due and (self._newest_s > state.newest_s or len(self._looks) > 0)
        filled = list(self._filled)
        if not waiting and not begins and not filled and self._sweep is None:
            return False
        batches += [(batch, np.zeros(len(batch), dtype=np.bool_)) for batch in filled]
        choice = await self._rules()
        turn = Turn(self._queue.findings, self._held)
        if begins and self._newest_s > state.newest_s:
            self._sweep = self._new_sweep(choice, state, whole_from_s)
        sweep = self._sweep
        # With a sweep gaps count up to its end, also those of what this turn has touched.
        newest_s = state.newest_s if sweep is None else sweep.end_s
        blocks = touched_blocks(batches)
        for touched in blocks:
            async for part, table in self._registry.parts(touched.meters):
                of_part = touched
                if part.stop - part.start < len(touched.meters):
                    of_part = touched.take(np.arange(part.start, part.stop))
                await self.judge(turn, of_part, table, choice, swept_s=newest_s)
        await self._judge_reads(turn, events, blocks, choice)
        due_looks = {}
        if begins:
            self._looks.sweep_begins()
            due_looks = self._looks.due(most=LOOKS_A_TURN)
            late = LateGaps(self._look, self._registry.parts, choice)
            await late.over(turn, due_looks, end_s=newest_s, whole_from_s=whole_from_s)
        over_all = sweep is None or await self._goes_on(sweep, turn)
        if await self._whole_from_s() != whole_from_s:
            # Days were dropped meanwhile: what was not found may just have gone.
            await self._leave_off()
            return True
        settled = await self._settle(
            turn,
            state,
            waiting,
            newest_s=newest_s if over_all else state.newest_s,
            looked=list(due_looks),
            sweep_ends_s=0 if sweep is None or over_all else sweep.end_s,
        )
        if not settled:
            await self._leave_off()
            return True
        self._metrics.validated(sum(len(batch) for batch, _ in batches))
        del self._filled[: len(filled)]
        if over_all and (begins or sweep is not None):
            self._sweep = None
            self._swept_at = self._clock()
            await self._prune()
            await self._fill(choice, newest_s)
        return True

    def _new_sweep(
        self, choice: GroupChoice, state: ValidationState, whole_from_s: int
    ) -> GapSweep:
        return GapSweep(
            self._look,
            self._registry.every(),
            choice,
            begin_s=state.newest_s,
            # One that was left off ends where it would have: how far it goes back depends on that.
            end_s=self._newest_s if self._mark is None else self._mark.first or self._newest_s,
            whole_from_s=whole_from_s,
            at_once=self._swept_at_once,
        )

    async def _goes_on(self, sweep: GapSweep, turn: Turn) -> bool:
        began = self._clock()
        return await sweep.goes_on(turn, enough=lambda: self._clock() - began >= self._sweep_turn_s)

    async def _leave_off(self) -> None:
        """Forget a sweep; the next one begins where it began."""
        if self._sweep is not None:
            sweep, self._sweep = self._sweep, None
            await sweep.close()

    async def _prune(self) -> None:
        """Hold no findings of days that were dropped, but of blocks that stayed.

        Headquarters is told nothing: its exceptions are what is known of them.
        """
        state = self._state
        through = NEVER if self._dropped_through is None else await self._dropped_through()
        if state is None or through == self._pruned_through:
            return
        pruning = Pruning(self._cells, through=through)
        async for names in pruning.gone(self._queue.all_findings()):
            state = self._state = await self._queue.settle(
                state,
                newest_s=state.newest_s,
                done=(),
                payload=b"",
                findings=dict.fromkeys(names, b""),
                looks={},
            )
            if state is None:
                # Another worker was faster, and prunes too.
                return
        self._pruned_through = through

    async def _fill(self, choice: GroupChoice, newest_s: int) -> None:
        """Estimate gaps that are due; the next turn judges what is then there.

        A turn that is lost leaves the gap held, so that it is filled with the same again.
        """
        if self._filler is None or not choice.fills:
            return
        held = [(read_name(name), record) async for name, record in self._queue.all_findings()]
        findings = [(name, read_runs(record)) for name, record in held if name.interval_s]
        async for batch in self._filler.fill(findings, choice=choice, newest_s=newest_s):
            self._filled.append(batch)

    async def judge(
        self,
        turn: Turn,
        touched: Touched,
        table: MeterTable,
        choice: GroupChoice,
        *,
        swept_s: int,
    ) -> None:
        """Judge what depends on `touched`, by each meter's own group.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        if not adds_up(touched.register):
            return
        columns = self._columns_of(table, choice)
        position = table.locate(touched.meters)
        known = np.flatnonzero(position >= 0)
        groups = columns.group[position[known]]
        for index in np.unique(groups).tolist():
            of_group = known[groups == index]
            for begin in range(0, len(of_group), METERS_AT_ONCE):
                some = of_group[begin : begin + METERS_AT_ONCE]
                await self._judge.judge(
                    turn,
                    touched if len(some) == len(touched.meters) else touched.take(some),
                    active=columns.active[position[some]],
                    rules=choice.sets[index],
                    swept_s=swept_s,
                )

    async def _judge_reads(
        self,
        turn: Turn,
        events: Sequence[EventBatch],
        blocks: Sequence[Touched],
        choice: GroupChoice,
    ) -> None:
        if wanted := self._reads.wanted(events, blocks):
            self._reads.tell(await self._queue.instants_of(wanted))
        newer = self._reads.take(events)
        if newer:
            await self._queue.note_reads(newer)
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

    async def _whole_from_s(self) -> int:
        if self._dropped_through is None:
            return 0
        return max(0, (await self._dropped_through() + 1) * DAY_S)

    def _columns_of(self, table: MeterTable, choice: GroupChoice) -> MeterColumns:
        if self._columns is None or not self._columns.are_of(table, choice):
            self._columns = MeterColumns(table, choice)
        return self._columns

    async def _settle(
        self,
        turn: Turn,
        state: ValidationState,
        done: Sequence[Waiting],
        *,
        newest_s: int,
        looked: Sequence[SeriesName],
        sweep_ends_s: int,
    ) -> bool:
        changed = turn.changed()
        found, withdrawn = news(turn.before, changed)
        later = self._looks.with_noted(turn.looks)
        over = [name for name in looked if name not in later]
        # Who goes on after this worker must know of what no sweep has been over yet.
        mark = Span(sweep_ends_s, self._newest_s) if self._newest_s > newest_s else None
        marks = {} if mark == self._mark else {SWEEP: b"" if mark is None else mark.record}
        payload = b""
        if found or withdrawn:
            payload = FindingBatch(self._zone, found, withdrawn).encode()
        # Without an answer nobody knows here what holds; it is read again.
        self._state = None
        settled = await self._queue.settle(
            state,
            newest_s=newest_s,
            done=done,
            payload=payload,
            findings={name.text: write_runs(runs) for name, runs in changed.items()},
            looks=marks
            | {name.text: b"" for name in over}
            | {name.text: span.record for name, span in later.items()},
        )
        if settled is None:
            # Another worker of this tenant was faster.
            return False
        self._state = settled
        self._mark = mark
        self._looks.settled(done=over, held=later)
        self._held.update(name.meter_id for name, runs in changed.items() if runs)
        self._metrics.found(opened=len(found), withdrawn=len(withdrawn))
        return True

    async def _known_state(self) -> ValidationState:
        if self._state is None:
            self._state = await self._queue.state()
            held: set[str] = set()
            async for name, _ in self._queue.all_findings():
                held.add(read_name(name).meter_id)
            self._held = held
            instants = await self._queue.read_instants(most=self._registry.most)
            self._reads = ReadInstants(instants)
            looks = {name: record async for name, record in self._queue.all_looks()}
            mark = looks.pop(SWEEP, None)
            self._mark = None if mark is None else read_span(mark)
            if self._mark is not None:
                self._newest_s = max(self._newest_s, self._mark.last)
            self._looks = GapLooks(looks.items())
        return self._state

    async def _rules(self) -> GroupChoice:
        active = await self._active_rules()
        if self._choice is None or self._choice.version != active.version:
            try:
                self._choice = GroupChoice(active)
            except BadRule:
                # Made by a newer version than this one; what held before holds on.
                logger.exception("rule groups of version %d cannot be read here", active.version)
                if self._choice is None:
                    self._choice = GroupChoice(ActiveRules(version=active.version))
        return self._choice
