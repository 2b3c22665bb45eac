"""Recall through the zone's own hot_storage, and counts of reads that are told to it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from functions.runtime.zone_calls import CallFailed, Calls, ZoneUnreachable
from storage.model.block import BlockKey
from storage.model.recall import (
    MEDIA_TYPE,
    MOST_BLOCKS,
    Answer,
    Question,
    Recalled,
    RecallUnreadable,
    decode,
    encode,
)
from storage.model.runs import DAY_S

SERVICE: Final = "/v1/hot_storage"
WITHIN_S: Final = 8.0
TELL_EVERY_S: Final = 10.0
MOST_COUNTED: Final = 10_000
"""Blocks whose reads are counted between two tellings; more are not."""

logger = logging.getLogger(__name__)


class RecallLine:
    """Keeps `functions.mdms.tiered_reading.Recall`."""

    def __init__(
        self,
        calls: Calls,
        *,
        zone: str,
        dropped_through: Callable[[], Awaitable[int]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._calls = calls
        self._zone = zone
        self._dropped_through = dropped_through
        self._clock = clock
        self._reads: dict[BlockKey, int] = {}

    async def ask(self, question: Question) -> Answer:
        """Ask in parts of `MOST_BLOCKS`; see `Recall.ask`."""
        blocks, events = question.block_keys(), question.event_keys()
        parts = [
            (at, Question.of(blocks[at : at + MOST_BLOCKS], []))
            for at in range(0, len(blocks), MOST_BLOCKS)
        ]
        of_events = [
            (at, Question.of([], events[at : at + MOST_BLOCKS]))
            for at in range(0, len(events), MOST_BLOCKS)
        ]
        if len(parts) + len(of_events) == 1:
            return await self._ask(question)
        answers = [(at, await self._ask(part)) for at, part in parts]
        for_events = [(at, await self._ask(part)) for at, part in of_events]
        every = [answer for _, answer in answers + for_events]
        return Answer(
            zone=self._zone,
            as_of_us=min((one.as_of_us for one in every if one.as_of_us), default=0),
            blocks=[_moved(one, at) for at, answer in answers for one in answer.blocks],
            events=[_moved(one, at) for at, answer in for_events for one in answer.events],
            unreachable_blocks=[
                at + one for at, answer in answers for one in answer.unreachable_blocks
            ],
            unreachable_events=[
                at + one for at, answer in for_events for one in answer.unreachable_events
            ],
            reason=next((one.reason for one in every if one.reason), ""),
        )

    async def dropped_through(self) -> int:
        """See `Recall.dropped_through`."""
        return await self._dropped_through()

    def read_here(self, keys: Sequence[BlockKey]) -> None:
        """Count reads of days that have ended; the days that run are hot whoever reads them."""
        today = int(self._clock() // DAY_S)
        for key in keys:
            if key.day < today - 1 and (key in self._reads or len(self._reads) < MOST_COUNTED):
                self._reads[key] = self._reads.get(key, 0) + 1

    async def tell_reads(self) -> None:
        """Tell what was counted; it is lost when nobody can be told, being a count of reads."""
        reads, self._reads = self._reads, {}
        if not reads:
            return
        body = msgspec.msgpack.encode(
            [(k.meter_id, k.register, k.day, k.interval_s, count) for k, count in reads.items()]
        )
        try:
            await self._send("reads", body)
        except (ZoneUnreachable, CallFailed) as error:
            logger.warning("counts of reads cannot be told: %s", error)

    async def _ask(self, question: Question) -> Answer:
        try:
            answer = await self._send("recall", encode(question))
            found: Answer = decode(answer, Answer)
        except (ZoneUnreachable, CallFailed, RecallUnreadable) as error:
            return Answer(
                zone=self._zone,
                as_of_us=0,
                unreachable_blocks=list(range(len(question.blocks))),
                unreachable_events=list(range(len(question.events))),
                reason=str(error),
            )
        return found

    async def _send(self, what: str, body: bytes) -> bytes:
        answer = await self._calls.send(
            f"{SERVICE}/{what}",
            body=body,
            method="POST",
            headers={"content-type": MEDIA_TYPE},
            timeout_s=WITHIN_S,
        )
        return answer.body


@asynccontextmanager
async def telling(line: RecallLine, *, every_s: float = TELL_EVERY_S) -> AsyncIterator[None]:
    """Tell counts of reads every so often, and once more at the end."""

    async def run() -> None:
        while True:
            await asyncio.sleep(every_s)
            await line.tell_reads()

    task = asyncio.create_task(run(), name="counts of reads")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await line.tell_reads()


def _moved(one: Recalled, by: int) -> Recalled:
    return Recalled(one.at + by, one.body, one.zone, one.source, one.as_of_us)
