"""The ready workers of one tenant's function, the calls they have, and the queue before them."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from gateway.agent_client import InstanceEntry
from gateway.forwarding.pool import ConnectionPool
from gateway.refusal import Refusal

logger = logging.getLogger(__name__)


class QueueFull(Refusal):
    """As many calls wait for this tenant's function as may wait."""


class QueueTimeout(Refusal):
    """No worker of this tenant's function came free in time."""


class Worker:
    """One instance and the calls that it has."""

    def __init__(self, entry: InstanceEntry) -> None:
        self.id = entry.id
        self.socket = entry.socket
        self.concurrency = entry.concurrency
        self.in_flight = 0
        self.pool = ConnectionPool(entry.socket, max_total=entry.concurrency)


class Fleet:
    """Workers as the agent named them at most `fresh_s` ago.

    The list is renewed in the background by the first call that finds it old; only a call that
    finds no worker at all waits for the agent, together with all others that do.
    """

    def __init__(
        self,
        *,
        ask: Callable[[], Awaitable[list[InstanceEntry]]],
        fresh_s: float,
        queue_length: int,
        queue_wait_s: float,
    ) -> None:
        self._ask = ask
        self._fresh_s = fresh_s
        self._queue_length = queue_length
        self._queue_wait_s = queue_wait_s
        self._workers: dict[str, Worker] = {}
        self._turn = 0
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def empty(self) -> bool:
        """Whether no worker is known, so that a call has to wait for the agent."""
        return not self._workers

    @property
    def in_flight(self) -> int:
        """Calls that its workers have."""
        return sum(worker.in_flight for worker in self._workers.values())

    @property
    def waiting(self) -> int:
        """Calls that wait for one of its workers."""
        return len(self._queue)

    async def acquire(self) -> Worker:
        """Return the least loaded worker, counted as having one call more.

        Raises:
            InstanceRefused, AgentUnavailable: there is no worker and will be none.
            QueueFull: too many wait already.
            QueueTimeout: the wait was in vain.
        """
        await self._know_workers()
        if not self._queue and (worker := self._least_loaded()) is not None:
            return worker
        if len(self._queue) >= self._queue_length:
            raise QueueFull(f"{self._queue_length} calls wait already", retry_after_s=1)
        try:
            async with asyncio.timeout(self._queue_wait_s):
                while True:
                    await self._wait_turn()
                    await self._know_workers()
                    if (worker := self._least_loaded()) is not None:
                        return worker
        except TimeoutError as error:
            raise QueueTimeout(
                f"no worker came free within {self._queue_wait_s:g} s", retry_after_s=1
            ) from error

    def release(self, worker: Worker) -> None:
        """Take back a call from the worker; the longest waiting call has its turn."""
        worker.in_flight -= 1
        self._next_turn()

    def lost(self, worker: Worker) -> None:
        """Forget a worker that does not accept connections; the next call asks the agent."""
        if self._workers.get(worker.id) is worker:
            del self._workers[worker.id]
            worker.pool.close()
        self._asked_at = float("-inf")
        self._next_turn()

    def close(self) -> None:
        """Stop asking and drop the kept connections."""
        if self._asking is not None:
            self._asking.cancel()
        for worker in self._workers.values():
            worker.pool.close()
        self._workers.clear()

    async def _know_workers(self) -> None:
        loop = asyncio.get_running_loop()
        if self._workers and loop.time() - self._asked_at < self._fresh_s:
            return
        if self._asking is None:
            self._asking = loop.create_task(self._renew())
            self._asking.add_done_callback(self._asked)
        if not self._workers:
            await asyncio.shield(self._asking)

    async def _renew(self) -> None:
        entries = await self._ask()
        for gone in self._workers.keys() - {entry.id for entry in entries}:
            self._workers.pop(gone).pool.close()
        for entry in entries:
            known = self._workers.get(entry.id)
            if known is None or known.socket != entry.socket:
                self._workers[entry.id] = Worker(entry)

    def _asked(self, task: asyncio.Task[None]) -> None:
        self._asking = None
        self._asked_at = asyncio.get_running_loop().time()
        if not task.cancelled() and (error := task.exception()) is not None and self._workers:
            logger.warning("the list of workers is not renewed: %s", error)
        # There may be room for more than one of those who wait.
        for _ in range(sum(w.concurrency - w.in_flight for w in self._workers.values())):
            self._next_turn()

    def _least_loaded(self) -> Worker | None:
        workers = list(self._workers.values())
        if len(workers) > 1:
            # Equally loaded workers take turns.
            self._turn = (self._turn + 1) % len(workers)
            workers = workers[self._turn :] + workers[: self._turn]
        free = [worker for worker in workers if worker.in_flight < worker.concurrency]
        if not free:
            return None
        worker = min(free, key=lambda w: w.in_flight)
        worker.in_flight += 1
        return worker

    async def _wait_turn(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._queue.remove(turn)
            else:
                self._next_turn()
            raise

    def _next_turn(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
