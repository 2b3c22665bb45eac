"""Validation of what passes a zone: turn by turn over what was relayed, nothing lost or doubled."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import numpy as np

from functions.mdms.held_validation import HeldValidation
from functions.mdms.metrics import MdmsMetrics
from functions.mdms.registry_cache import RegistryCache
from functions.mdms.turn_intake import take_turn
from functions.mdms.turn_pace import TurnPace
from functions.mdms.validation_ports import Filler, ValidationQueue, Values
from functions.mdms.vee.active_choice import ActiveChoice
from functions.mdms.vee.event_judging import EventJudge
from functions.mdms.vee.gap_look import GapLook
from functions.mdms.vee.gap_sweep import GapSweep
from functions.mdms.vee.group_choice import GroupChoice
from functions.mdms.vee.held_findings import (
    BlockName,
    HeldRun,
    read_name,
    read_runs,
)
from functions.mdms.vee.late_gaps import LateGaps
from functions.mdms.vee.pruning import Pruning
from functions.mdms.vee.touched import newest_end_s, touched_blocks
from functions.mdms.vee.touched_judging import TouchedJudge
from functions.mdms.vee.turn import METERS_AT_ONCE, Turn
from storage.hot.validation import ValidationState
from storage.model.rule_groups import ActiveRules
from storage.model.runs import DAY_S, RunBatch
from storage.model.tiers import NEVER
from storage.ports import StoreFull, StoreUnavailable

LOOKS_A_TURN: Final = 20_000
SWEEP_TURN_S: Final = 2.0
"""How long a turn goes on with a sweep: what arrives meanwhile waits for the next one."""
RETRY_S: Final = 1.0

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
        """While readings stream in it rests for `rest_s` before a turn, and judges them together,
        unless a whole turn of them waits.


        Gaps are looked for once in `sweep_s`, and not in days up to `dropped_through` (since 1970):
        what is missing there may be with the record. A turn goes on with it for `sweep_turn_s`,
        `swept_at_once` meters at a time.
        """
        self._sweep_turn_s = sweep_turn_s
        self._swept_at_once = swept_at_once
        self._sweep: GapSweep | None = None
        self._dropped_through = dropped_through
        self._pruned_through = NEVER
        self._cells = cells
        self._queue = queue
        self._held = HeldValidation(queue, zone=zone, metrics=metrics)
        self._touched = TouchedJudge(cells, registry)
        self._events = EventJudge(cells, queue, registry)
        self._look = GapLook(cells)
        self._registry = registry
        self._rules = ActiveChoice(active_rules)
        self._metrics = metrics
        self._sweep_s = sweep_s
        self._clock = clock
        self._pace = TurnPace(rest_s=rest_s, idle_s=sweep_s)
        self._more_waits = False
        self._task: asyncio.Task[None] | None = None
        self._swept_at = -float("inf")
        self._filler: Filler | None = None
        self._filled: list[RunBatch] = []

    def arrived(self) -> None:
        """Something was relayed."""
        self._pace.arrived()

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
            await self._pace.next(worked=worked, more_waits=self._more_waits)

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
        held = self._held
        if not held.is_known:
            await self._events.begin_anew()
        state = await held.state()
        taken = await take_turn(self._queue)
        waiting, batches, events = taken.waiting, taken.batches, taken.events
        self._more_waits = taken.more_waits
        held.newest_s = max(
            held.newest_s, state.newest_s, newest_end_s(batch for batch, _ in batches)
        )
        whole_from_s = await self._whole_from_s()
        if self._sweep is not None and self._sweep.whole_from_s != whole_from_s:
            await self._leave_off()
        due = self._sweep is None and self._clock() - self._swept_at >= self._sweep_s
        begins = due and (held.newest_s > state.newest_s or len(held.looks) > 0)
        filled = list(self._filled)
        if not waiting and not begins and not filled and self._sweep is None:
            return False
        batches += [(batch, np.zeros(len(batch), dtype=np.bool_)) for batch in filled]
        choice = await self._rules.now()
        turn = Turn(self._queue.findings, held.holders)
        if begins and held.newest_s > state.newest_s:
            self._sweep = self._new_sweep(choice, state, whole_from_s)
        sweep = self._sweep
        # With a sweep gaps count up to its end, also those of what this turn has touched.
        newest_s = state.newest_s if sweep is None else sweep.end_s
        blocks = touched_blocks(batches)
        await self._touched.judge(turn, blocks, choice, swept_s=newest_s)
        await self._events.judge(turn, events, blocks, choice)
        due_looks = {}
        if begins:
            held.looks.sweep_begins()
            due_looks = held.looks.due(most=LOOKS_A_TURN)
            late = LateGaps(self._look, self._registry.parts, choice)
            await late.over(turn, due_looks, end_s=newest_s, whole_from_s=whole_from_s)
        over_all = sweep is None or await self._goes_on(sweep, turn)
        if await self._whole_from_s() != whole_from_s:
            # Days were dropped meanwhile: what was not found may just have gone.
            await self._leave_off()
            return True
        settled = await held.settle(
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
            end_s=self._held.swept_to_s or self._held.newest_s,
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
        through = NEVER if self._dropped_through is None else await self._dropped_through()
        if through == self._pruned_through:
            return
        pruning = Pruning(self._cells, through=through)
        async for names in pruning.gone(self._queue.all_findings()):
            if not await self._held.forget(names):
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

    async def _whole_from_s(self) -> int:
        if self._dropped_through is None:
            return 0
        return max(0, (await self._dropped_through() + 1) * DAY_S)
