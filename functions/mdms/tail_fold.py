"""Folding the live tail at headquarters into blocks, in the background of the worker."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from functions.mdms.fold_due import FoldDue
from functions.mdms.fold_step_size import FoldStepSize
from functions.runtime.memory import give_back
from storage.model.runs import DAY_S
from storage.ports import FoldStep, StoreUnavailable, TailState

STEP_DEADLINE_S: Final = 65.0
STOP_S: Final = 2.0
FIRST_RETRY_S: Final = 0.5
LAST_RETRY_S: Final = 30.0

logger = logging.getLogger(__name__)


class TailFold:
    """Looks at the tail each `due.quiet_s`, or once it grew enough, and folds what is due.

    `fold(entries, readings, slots)` is one transaction that moves about so many entries and
    readings and writes blocks of about so many slots, so a step that fails or is cut off leaves
    the tail as it was. A step that took too long is tried at half the size, which grows again
    with each that ends.
    `waiting()` tells the tail's state; `folded` (entries) and `failed` are told of each step.
    """

    def __init__(
        self,
        *,
        fold: Callable[[int, int, int], Awaitable[FoldStep]],
        waiting: Callable[[], Awaitable[TailState]],
        due: FoldDue,
        size: FoldStepSize,
        folded: Callable[[int], None],
        failed: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._fold = fold
        self._waiting = waiting
        self._due_when = due
        self._size = size
        self._folded = folded
        self._failed = failed
        self._clock = clock
        self._grown = 0
        self._due = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def appended(self, entries: int) -> None:
        """Note that the tail grew by `entries`."""
        self._grown += entries
        if self._grown >= self._due_when.after_entries:
            self._due.set()

    def start(self) -> None:
        """Begin to fold, with what an earlier worker left behind."""
        self._task = asyncio.create_task(self._run(), name="fold the tail")

    async def stop(self) -> None:
        """End after the running step, or cut it off when it takes longer than `STOP_S`."""
        self._stopping = True
        self._due.set()
        if self._task is not None:
            try:
                await asyncio.wait_for(self._task, STOP_S)
            except TimeoutError:
                logger.warning("the fold did not end within %s s and was cut off", STOP_S)

    async def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._stopping:
            try:
                await self._drain()
            except Exception:
                if self._stopping:
                    return
                # The edge of this task: whatever failed, the tail is whole and is tried again.
                logger.exception("folding the tail failed; again in %.1f s", retry_s)
                self._failed()
                await self._sleep(retry_s)
                retry_s = min(retry_s * 2, LAST_RETRY_S)
            else:
                retry_s = FIRST_RETRY_S
                await self._sleep(min(self._due_when.quiet_s, self._due_when.after_s))

    async def _drain(self) -> None:
        self._grown = 0
        self._due.clear()
        async with asyncio.timeout(STEP_DEADLINE_S):
            tail = await self._waiting()
        if not self._due_when.of(tail, today=int(self._clock() // DAY_S)):
            return
        left = tail.entries
        # What arrives meanwhile waits for the next round, to be folded in larger steps.
        while left > 0 and not self._stopping:
            step = await self._step()
            if not step.moved:
                return
            self._folded(step.entries)
            left -= step.entries

    async def _step(self) -> FoldStep:
        size = self._size
        try:
            async with asyncio.timeout(STEP_DEADLINE_S):
                step = await self._fold(size.entries, size.readings, size.slots)
        except (TimeoutError, StoreUnavailable):
            size.took_too_long()
            raise
        finally:
            # What a step holds is most of what this worker ever does.
            give_back()
        size.ended(step)
        return step

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._due.wait()
