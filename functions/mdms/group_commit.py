"""Group commit: what arrives while the store is busy is stored together."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from storage.ports import StoreFull, StoreUnavailable

T = TypeVar("T")
R = TypeVar("R")

LANES: Final = 2
"""Groups under way at a time: one is prepared while the store works on another."""
MAX_GROUP: Final = 2_000
"""Sum of the sizes in a group: bounds how long it holds up the store, and who waits for it."""
COMPANY_S: Final = 0.005
"""What is too little for a group beside the one under way waits for more, or for that one's end, as
long as this: a step of the store costs much the same for one body as for thirty."""


class NotTogether(Exception):
    """These items have to be stored one by one; nothing was stored."""


@dataclass(slots=True)
class _Waiting(Generic[T, R]):
    item: T
    size: int
    done: asyncio.Future[R]


class GroupCommit(Generic[T, R]):
    """Hands items in groups to `store`, which returns one result an item, all of them durable.

    An item that finds no group under way goes at once, with those of the same turn of the loop.
    Beside a group another one begins when it is half as large as one may be, or has waited for
    `company_s`. A store that is full or silent is so for the whole group; any other error may be
    the fault of one item, so they are stored again one by one, which is harmless.
    """

    def __init__(
        self,
        store: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        lanes: int = LANES,
        max_group: int = MAX_GROUP,
        company_s: float = COMPANY_S,
    ) -> None:
        """`max_group` bounds the sum of the sizes in a group; a larger item goes alone."""
        self._store = store
        self._most_lanes = lanes
        self._max_group = max_group
        self._company_s = company_s
        self._queue: deque[_Waiting[T, R]] = deque()
        self._queued = 0
        self._under_way = 0
        self._company: asyncio.TimerHandle | None = None
        self._lanes: set[asyncio.Task[None]] = set()

    async def put(self, item: T, *, size: int) -> R:
        """Store `item` together with what else waits, and return its own result.

        Raises:
            Exception: what `store` raises.
        """
        return await self.enter(item, size=size)

    def enter(self, item: T, *, size: int) -> asyncio.Future[R]:
        """As `put`, to be waited for or not: an item whose future is done is not stored."""
        loop = asyncio.get_running_loop()
        waiting: _Waiting[T, R] = _Waiting(item, size, loop.create_future())
        self._queue.append(waiting)
        self._queued += size
        if self._under_way < self._most_lanes:
            if self._due(beside=self._under_way):
                self._open_lane()
            else:
                self._await_company()
        return waiting.done

    def _due(self, *, beside: int) -> bool:
        """Whether what waits goes now, while so many groups are under way beside it."""
        return not beside or self._queued >= self._max_group // 2

    def _await_company(self) -> None:
        if self._company is None:
            loop = asyncio.get_running_loop()
            self._company = loop.call_later(self._company_s, self._company_over)

    def _company_over(self) -> None:
        self._company = None
        if self._queue and self._under_way < self._most_lanes:
            self._open_lane()

    def _open_lane(self) -> None:
        self._under_way += 1
        lane = asyncio.get_running_loop().create_task(self._lane())
        self._lanes.add(lane)
        lane.add_done_callback(self._lanes.discard)

    async def _lane(self) -> None:
        try:
            while group := self._next_group():
                await self._commit(group)
                if self._queue and not self._due(beside=self._under_way - 1):
                    self._await_company()
                    break
        finally:
            self._under_way -= 1

    def _next_group(self) -> list[_Waiting[T, R]]:
        group: list[_Waiting[T, R]] = []
        room = self._max_group
        while self._queue and (not group or self._queue[0].size <= room):
            one = self._queue.popleft()
            self._queued -= one.size
            # Whoever asked may have stopped waiting: the deadline passed, or the client left.
            if not one.done.done():
                group.append(one)
                room -= one.size
        if not self._queue and self._company is not None:
            self._company.cancel()
            self._company = None
        return group

    async def _commit(self, group: list[_Waiting[T, R]]) -> None:
        try:
            results = await self._store([one.item for one in group])
            for one, result in zip(group, results, strict=True):
                if not one.done.done():
                    one.done.set_result(result)
        except Exception as error:  # noqa: BLE001 - handed on to those who wait
            if len(group) > 1 and not isinstance(error, StoreFull | StoreUnavailable):
                for one in group:
                    await self._commit([one])
                return
            for one in group:
                if not one.done.done():
                    one.done.set_exception(error)
