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


class NotTogether(Exception):
    """These items have to be stored one by one; nothing was stored."""


@dataclass(slots=True)
class _Waiting(Generic[T, R]):
    item: T
    size: int
    done: asyncio.Future[R]


class GroupCommit(Generic[T, R]):
    """Hands items in groups to `store`, which returns one result an item, all of them durable.

    Nobody waits for company: an item that finds a free lane goes at once, with those of the same
    turn of the loop. A store that is full or silent is so for the whole group; any other error
    may be the fault of one item, so they are stored again one by one, which is harmless.
    """

    def __init__(
        self,
        store: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        lanes: int = LANES,
        max_group: int = MAX_GROUP,
    ) -> None:
        """`max_group` bounds the sum of the sizes in a group; a larger item goes alone."""
        self._store = store
        self._free_lanes = lanes
        self._max_group = max_group
        self._queue: deque[_Waiting[T, R]] = deque()
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
        if self._free_lanes:
            self._free_lanes -= 1
            lane = loop.create_task(self._lane())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        return waiting.done

    async def _lane(self) -> None:
        try:
            while group := self._next_group():
                await self._commit(group)
        finally:
            self._free_lanes += 1

    def _next_group(self) -> list[_Waiting[T, R]]:
        group: list[_Waiting[T, R]] = []
        room = self._max_group
        while self._queue and (not group or self._queue[0].size <= room):
            one = self._queue.popleft()
            # Whoever asked may have stopped waiting: the deadline passed, or the client left.
            if not one.done.done():
                group.append(one)
                room -= one.size
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
