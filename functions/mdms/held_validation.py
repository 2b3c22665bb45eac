"""What a worker knows of a zone's validation between two turns, and how a turn ends."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from functions.mdms.metrics import MdmsMetrics
from functions.mdms.validation_ports import ValidationQueue
from functions.mdms.vee.finding_holders import FindingHolders
from functions.mdms.vee.gap_looks import (
    MOST_HELD,
    SWEEP,
    GapLooks,
    SeriesName,
    Span,
    read_span,
)
from functions.mdms.vee.held_findings import (
    news,
    read_name,
    read_runs,
    write_runs,
)
from functions.mdms.vee.turn import Turn
from storage.hot.validation import ValidationState, Waiting
from storage.model.findings import FindingBatch

LEAST_WORN: Final = 200_000
"""Blocks with findings; fewer than these are not worth reading anew."""
BLOCKS_A_STEP: Final = 20_000


class HeldValidation:
    """The same as the store holds, from one settled turn to the next; read again when in doubt.

    `holders` have findings, `looks` are times to look for gaps in, `newest_s` is the end of the
    newest interval that is known of, `swept_to_s` where a sweep ends that was left off, 0 without.
    """

    def __init__(
        self,
        queue: ValidationQueue,
        *,
        zone: str,
        metrics: MdmsMetrics,
        least_worn: int = LEAST_WORN,
        blocks_a_step: int = BLOCKS_A_STEP,
        most_looks: int = MOST_HELD,
    ) -> None:
        """Read who has findings anew once `least_worn` more have some, `blocks_a_step` a turn.

        Of times to look for gaps in no more than `most_looks` are known, the others only held.
        """
        self._most_looks = most_looks
        self._least_worn = least_worn
        self._blocks_a_step = blocks_a_step
        self._queue = queue
        self._zone = zone
        self._metrics = metrics
        self._state: ValidationState | None = None
        self._mark: Span | None = None
        self.holders = FindingHolders()
        self._renewing: tuple[FindingHolders, AsyncIterator[tuple[str, bytes]]] | None = None
        self.looks = GapLooks(most=most_looks)
        self.newest_s = 0

    @property
    def is_known(self) -> bool:
        """Whether `state` has nothing to read."""
        return self._state is not None

    @property
    def swept_to_s(self) -> int:
        """See the class."""
        return 0 if self._mark is None else self._mark.first

    async def state(self) -> ValidationState:
        """What the next turn goes by.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        if self._state is None:
            state = await self._queue.state()
            self.holders, self._renewing = FindingHolders(), None
            async for text, record in self._queue.all_findings():
                self.holders.add(read_name(text).meter_id, read_runs(record))
            self.holders.all_added()
            mark = (await self._queue.looks_of([SWEEP])).get(SWEEP)
            self._mark = None if mark is None else read_span(mark)
            if self._mark is not None:
                self.newest_s = max(self.newest_s, self._mark.last)
            self.looks = GapLooks(most=self._most_looks)
            await self._take_looks()
            self._state = state
            return state
        if self._renewing is not None or self.holders.are_worn(self._least_worn):
            await self._renew_some()
        if self.looks.wants_more:
            await self._take_looks()
        return self._state

    async def _take_looks(self) -> None:
        async for name, record in self._queue.all_looks():
            if name != SWEEP and not self.looks.take_in(name, record):
                return
        self.looks.all_taken()

    async def _renew_some(self) -> None:
        """Read who has findings once more, some blocks a turn; what turns find is added to both."""
        renewing = self._renewing or (FindingHolders(), self._queue.all_findings())
        self._renewing = None
        holders, scan = renewing
        for _ in range(self._blocks_a_step):
            block = await anext(scan, None)
            if block is None:
                holders.all_added()
                self.holders = holders
                return
            text, record = block
            holders.add(read_name(text).meter_id, read_runs(record))
        self._renewing = renewing

    async def settle(
        self,
        turn: Turn,
        state: ValidationState,
        done: Sequence[Waiting],
        *,
        newest_s: int,
        looked: Sequence[SeriesName],
        sweep_ends_s: int,
    ) -> bool:
        """End a turn; False when another worker was faster, and nothing is done.

        `done` leave the stream. Gaps have been looked for up to `newest_s`, and in what `looked`
        was noted for; `sweep_ends_s` is where a sweep ends that goes on, 0 without one.

        Raises:
            StoreFull, StoreUnavailable: begin the turn again.
        """
        changed = turn.changed()
        found, withdrawn = news(turn.before, changed)
        unknown = [name.text for name in self.looks.unknown(turn.looks)]
        before = await self._queue.looks_of(unknown) if unknown else {}
        later = self.looks.with_noted(turn.looks, before=before)
        over = [name for name in looked if name not in later]
        # Who goes on after this worker must know of what no sweep has been over yet.
        mark = Span(sweep_ends_s, self.newest_s) if self.newest_s > newest_s else None
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
            return False
        self._state = settled
        self._mark = mark
        self.looks.settled(done=over, held=later)
        for name, runs in changed.items():
            self.holders.add(name.meter_id, runs)
            if self._renewing is not None:
                self._renewing[0].add(name.meter_id, runs)
        self._metrics.found(opened=len(found), withdrawn=len(withdrawn))
        return True

    async def forget(self, names: Iterable[str]) -> bool:
        """Hold no findings of these blocks; headquarters is told nothing. As `settle`."""
        state, self._state = self._state, None
        if state is None:
            return False
        self._state = await self._queue.settle(
            state,
            newest_s=state.newest_s,
            done=(),
            payload=b"",
            findings=dict.fromkeys(names, b""),
            looks={},
        )
        return self._state is not None
