"""Recall: blocks that the zone lacks, each fetched from the parent once however many ask for it."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from functions.hot_storage.parent import ParentUnreachable
from functions.hot_storage.recall_cache import Key, Known, RecallCache
from functions.hot_storage.zone_tenants import UnknownTenant
from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.recall import MOST_BLOCKS, Answer, Question, Recalled
from storage.ports import StoreUnavailable

DAY_S: Final = 86_400


class Busy(Exception):
    """So many questions wait for the parent already that this one may not join them."""

    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("too many recalls wait for the parent zone")


class AsksParent(Protocol):
    """The way to the parent."""

    async def recall(self, tenant: str, question: Question) -> Answer:
        """See `Parent.recall`."""


class KeepsCopies(Protocol):
    """Where promoted blocks are kept, and reads are counted; each may raise StoreUnavailable."""

    async def count(self, tenant: str, keys: Sequence[Key]) -> None:
        """Count that these blocks were asked for."""

    async def offer(self, tenant: str, blocks: Mapping[Key, Recalled]) -> int:
        """Keep those of the blocks that are asked for often; return how many."""

    async def find(self, tenant: str, keys: Sequence[Key]) -> dict[Key, Known]:
        """Those that are kept here and may serve."""


class Counts(Protocol):
    """What recall counts."""

    def recalled(self, tenant: str, *, blocks: int, size: int, seconds: float) -> None:
        """One round trip brought so many blocks."""

    def served(self, tenant: str, source: str, blocks: int) -> None:
        """So many blocks were answered by `cache`, `promoted`, `parent`, `absent`, `flight`."""

    def failed(self, tenant: str) -> None:
        """A round trip failed."""


@dataclass(slots=True)
class _Asked:
    """Blocks of a question by their state."""

    known: dict[Key, Known] = field(default_factory=dict)
    flights: dict[Key, asyncio.Future[Known]] = field(default_factory=dict)
    failed: dict[Key, str] = field(default_factory=dict)


class RecallDesk:
    """Answers questions of this zone's services and of zones below; safe for tasks of one loop."""

    def __init__(
        self,
        *,
        parent: AsksParent,
        cache: RecallCache,
        copies: KeepsCopies,
        counts: Counts,
        zone: str,
        together: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """At most `together` questions are on their way; `clock` says what day it is."""
        self._parent = parent
        self._cache = cache
        self._copies = copies
        self._counts = counts
        self._zone = zone
        self._together = together
        self._clock = clock
        self._flights: dict[tuple[str, Key], asyncio.Future[Known]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def recall(self, tenant: str, question: Question) -> Answer:
        """Return what the tiers below have of the blocks; `unreachable` what could not be asked.

        Raises:
            Busy: see there.
        """
        blocks, events = question.block_keys(), question.event_keys()
        asked = await self._look(tenant, [*blocks, *events], record=question.record)
        for key, flight in asked.flights.items():
            try:
                # Shared: one caller that leaves must not take the others' answer with it.
                asked.known[key] = await asyncio.shield(flight)
            except ParentUnreachable as error:
                asked.failed[key] = str(error)
        return self._answer(blocks, events, asked)

    async def close(self) -> None:
        """End what is on its way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self, tenant: str, keys: list[Key], *, record: bool) -> _Asked:
        asked = _Asked()
        today = int(self._clock() // DAY_S)
        wanted: list[Key] = []
        with suppress(StoreUnavailable):
            await self._copies.count(tenant, keys)
        for key in dict.fromkeys(keys):
            if key.day > today + 1:
                # Nobody has readings of a day that has not begun in any time zone.
                asked.known[key] = Known(None, 0)
            elif not record and (known := self._cache.get(tenant, key)) is not None:
                asked.known[key] = known
            else:
                wanted.append(key)
        self._counts.served(tenant, "cache", len(asked.known))
        if wanted and not record:
            with suppress(StoreUnavailable):
                copies = await self._copies.find(tenant, wanted)
                self._counts.served(tenant, "promoted", len(copies))
                asked.known |= copies
                wanted = [key for key in wanted if key not in copies]
        joined = {key: f for key in wanted if (f := self._flights.get((tenant, key))) is not None}
        self._counts.served(tenant, "flight", len(joined))
        asked.flights = joined | self._begin(tenant, [key for key in wanted if key not in joined])
        return asked

    def _begin(self, tenant: str, keys: list[Key]) -> dict[Key, asyncio.Future[Known]]:
        if not keys:
            return {}
        parts = [keys[at : at + MOST_BLOCKS] for at in range(0, len(keys), MOST_BLOCKS)]
        if len(self._tasks) + len(parts) > self._together:
            raise Busy
        loop = asyncio.get_running_loop()
        begun: dict[Key, asyncio.Future[Known]] = {}
        for part in parts:
            flights = {key: loop.create_future() for key in part}
            begun |= flights
            for key, flight in flights.items():
                self._flights[tenant, key] = flight
            task = asyncio.create_task(self._fly(tenant, flights), name="recall")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return begun

    async def _fly(self, tenant: str, flights: dict[Key, asyncio.Future[Known]]) -> None:
        blocks = [key for key in flights if isinstance(key, BlockKey)]
        events = [key for key in flights if isinstance(key, EventKey)]
        begun = time.monotonic()
        error: Exception = ParentUnreachable("the worker ends")
        try:
            answer = await self._parent.recall(tenant, Question.of(blocks, events))
            seconds = time.monotonic() - begun
            self._land(tenant, flights, blocks, answer.blocks, answer.unreachable_blocks, answer)
            self._land(tenant, flights, events, answer.events, answer.unreachable_events, answer)
            found = [*answer.blocks, *answer.events]
            size = sum(len(one.body) for one in found)
            self._counts.recalled(tenant, blocks=len(found), size=size, seconds=seconds)
            self._counts.served(tenant, "parent", len(found))
            self._counts.served(tenant, "absent", len(flights) - len(found))
            error = ParentUnreachable(answer.reason or "not answered")
        except ParentUnreachable as unreachable:
            self._counts.failed(tenant)
            error = unreachable
        finally:
            for key, flight in flights.items():
                del self._flights[tenant, key]
                if not flight.done():
                    flight.set_exception(error)
                    # Somebody may have left: nobody is then told, which is no fault.
                    flight.exception()
        await self._promote(tenant, flights)

    async def _promote(self, tenant: str, flights: dict[Key, asyncio.Future[Known]]) -> None:
        brought = {
            key: known.block
            for key, flight in flights.items()
            if flight.exception() is None and (known := flight.result()).block is not None
        }
        with suppress(StoreUnavailable, UnknownTenant):
            await self._copies.offer(tenant, brought)

    def _land(
        self,
        tenant: str,
        flights: dict[Key, asyncio.Future[Known]],
        keys: Sequence[Key],
        found: list[Recalled],
        unreachable: list[int],
        answer: Answer,
    ) -> None:
        brought = {one.at: one for one in found}
        for at, key in enumerate(keys):
            if at in unreachable:
                continue
            known = Known(brought.get(at), answer.as_of_us)
            self._cache.put(tenant, key, known)
            if not flights[key].done():
                flights[key].set_result(known)

    def _answer(self, blocks: list[BlockKey], events: list[EventKey], asked: _Asked) -> Answer:
        def told(keys: Sequence[Key]) -> list[Recalled]:
            return [
                Recalled(at, block.body, block.zone, block.source, block.as_of_us)
                for at, key in enumerate(keys)
                if key in asked.known and (block := asked.known[key].block) is not None
            ]

        def missed(keys: Sequence[Key]) -> list[int]:
            return [at for at, key in enumerate(keys) if key in asked.failed]

        return Answer(
            zone=self._zone,
            as_of_us=min((k.as_of_us for k in asked.known.values() if k.as_of_us), default=0),
            blocks=told(blocks),
            events=told(events),
            unreachable_blocks=missed(blocks),
            unreachable_events=missed(events),
            reason=next(iter(asked.failed.values()), ""),
        )
