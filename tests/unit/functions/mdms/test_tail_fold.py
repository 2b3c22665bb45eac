"""When the tail is folded, and what a failing step does."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from functions.mdms import tail_fold
from functions.mdms.fold_due import FoldDue
from functions.mdms.fold_step_size import FoldStepSize
from functions.mdms.tail_fold import TailFold
from functions.runtime.memory import give_back, resident_bytes
from storage.ports import FoldStep, StoreUnavailable, TailState

TODAY = 20_000
MIB = 1 << 20
PIECE = b"\1" * 2048


class Tail:
    """A tail that can fail, and tells when it was folded."""

    def __init__(self, entries: int) -> None:
        self.entries = entries
        self.failures_left = 0
        self.failure: Exception = OSError("the disk is away")
        self.tried: list[tuple[int, int]] = []
        self.steps: list[int] = []
        self.failed = 0
        self.empty = asyncio.Event()

    async def waiting(self) -> TailState:
        return TailState(self.entries, readings=7, oldest_s=1.0, newest_s=1.0, last_day=TODAY - 1)

    async def fold(self, most: int, _readings: int, slots: int) -> FoldStep:
        self.tried.append((most, slots))
        if self.failures_left:
            self.failures_left -= 1
            raise self.failure
        moved = min(most, self.entries)
        self.entries -= moved
        if not self.entries:
            self.empty.set()
        return FoldStep(entries=moved, blocks=moved)

    def count_failure(self) -> None:
        self.failed += 1

    def folding(
        self,
        step: Callable[[int, int, int], Awaitable[FoldStep]] | None = None,
        *,
        quiet_s: float = 1.0,
    ) -> TailFold:
        return TailFold(
            fold=step or self.fold,
            waiting=self.waiting,
            due=FoldDue(after_s=3_600.0, quiet_s=quiet_s, after_readings=50_000, after_entries=100),
            size=FoldStepSize(most_entries=40, most_readings=10**6, most_slots=1_000),
            folded=self.steps.append,
            failed=self.count_failure,
            clock=lambda: TODAY * 86_400.0,
        )


async def emptied(tail: Tail) -> None:
    async with asyncio.timeout(10):
        await tail.empty.wait()


async def test_what_an_earlier_worker_left_is_folded_at_the_start() -> None:
    tail = Tail(90)
    fold = tail.folding()

    fold.start()
    await emptied(tail)
    await fold.stop()

    assert tail.steps == [40, 40, 10]


async def test_what_a_step_leaves_free_goes_back_to_the_machine() -> None:
    tail = Tail(90)
    kept: list[bytes] = []

    async def step(most: int, readings: int, slots: int) -> FoldStep:
        pieces = [PIECE + bytes([at % 256]) for at in range(64 * MIB // len(PIECE))]
        # What is kept stands at the end of the heap, which so does not shrink by itself.
        kept.append(pieces[-1])
        return await tail.fold(most, readings, slots)

    fold = tail.folding(step)
    give_back()
    before = resident_bytes()
    fold.start()
    await emptied(tail)
    await fold.stop()

    assert len(kept) == 3
    assert resident_bytes() < before + 32 * MIB


async def test_growth_makes_it_due_before_its_age() -> None:
    tail = Tail(1)
    fold = tail.folding()
    fold.start()
    await emptied(tail)
    tail.empty.clear()

    tail.entries = 150
    fold.appended(99)
    await asyncio.sleep(0)
    before = tail.entries
    fold.appended(1)
    await emptied(tail)
    await fold.stop()

    assert before == 150


async def test_the_tail_is_looked_at_again_and_again() -> None:
    tail = Tail(1)
    fold = tail.folding(quiet_s=0.01)
    fold.start()
    await emptied(tail)
    tail.empty.clear()

    tail.entries = 5
    await emptied(tail)
    await fold.stop()

    assert tail.steps == [1, 5]


async def test_a_failed_step_is_logged_with_its_cause_and_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_fold, "FIRST_RETRY_S", 0.01)
    tail = Tail(5)
    tail.failures_left = 2
    fold = tail.folding()

    with caplog.at_level(logging.ERROR):
        fold.start()
        await emptied(tail)
        await fold.stop()

    assert tail.failed == 2
    assert "the disk is away" in caplog.text


async def test_a_step_that_takes_too_long_is_halved_and_grows_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tail_fold, "FIRST_RETRY_S", 0.01)
    tail = Tail(100)
    tail.failures_left, tail.failure = 2, StoreUnavailable("not within 60 s")
    fold = tail.folding()

    fold.start()
    await emptied(tail)
    await fold.stop()

    assert tail.tried == [(40, 1_000), (20, 500), (10, 250), (20, 500), (40, 1_000), (40, 1_000)]


async def test_a_step_without_an_entry_that_leaves_is_not_the_end() -> None:
    tail = Tail(1)
    steps = [FoldStep(entries=0, blocks=9), FoldStep(entries=0, blocks=9)]

    async def fold_in_parts(most: int, readings: int, slots: int) -> FoldStep:
        return steps.pop() if steps else await tail.fold(most, readings, slots)

    fold = tail.folding(fold_in_parts)
    fold.start()
    await emptied(tail)
    await fold.stop()

    assert tail.steps == [0, 0, 1]


async def test_stopping_ends_the_task() -> None:
    tail = Tail(0)
    fold = tail.folding()
    fold.start()

    await fold.stop()

    assert [task for task in asyncio.all_tasks() if task.get_name() == "fold the tail"] == []
