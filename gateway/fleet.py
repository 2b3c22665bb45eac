"""The ready workers of one tenant's function, the calls they have, and the queue before them."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from gateway.agent_client import InstanceEntry, InstanceList
from gateway.balancing.policies import POLICIES
from gateway.balancing.policy import Policy, has_room
from gateway.forwarding.pool import ConnectionPool
from gateway.refusal import Refusal
from storage.platform.functions.spec import FunctionSpec

logger = logging.getLogger(__name__)

# While calls wait, the agent is asked as often as this, so that it sees how many do.
ASK_AGAIN_S = 0.2


class QueueFull(Refusal):
    """As many calls wait for this tenant's function as may wait."""


class QueueTimeout(Refusal):
    """No worker of this tenant's function came free in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds: how old a list of workers may be, and how long a call waits for a busy or a
    starting worker."""

    fresh_s: float
    queue_wait_s: float
    start_wait_s: float


class Worker:
    """One instance and the calls that it has."""

    __slots__ = ("concurrency", "id", "in_flight", "pool", "socket", "version")

    def __init__(self, entry: InstanceEntry, *, version: int) -> None:
        self.id = entry.id
        self.socket = entry.socket
        self.concurrency = entry.concurrency
        self.version = version
        self.in_flight = 0
        self.pool = ConnectionPool(entry.socket, max_total=entry.concurrency)


class Fleet:
    """Workers as the agent named them last, and the calls that wait for one.

    The list is renewed in the background by the first call that finds it old. A call that finds
    no room waits in a queue of bounded length; workers are handed to the calls in it in order,
    and when there will be no worker every one of them is told. `ask` is given how many wait.
    """

    def __init__(
        self,
        *,
        spec: FunctionSpec,
        ask: Callable[[int], Awaitable[InstanceList]],
        patience: Patience,
    ) -> None:
        self._ask = ask
        self._patience = patience
        self._workers: list[Worker] = []
        self._queue: deque[asyncio.Future[Worker]] = deque()
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None
        self.writes = 0
        """Goes up when a call that may change something begins, and when it ends."""
        self.spec = spec
        self._policy: Policy = POLICIES[spec.balancing]()

    def adopt(self, spec: FunctionSpec) -> None:
        """Go by another version of the function's spec from now on."""
        if spec.balancing != self.spec.balancing:
            self._policy = POLICIES[spec.balancing]()
        self.spec = spec

    @property
    def empty(self) -> bool:
        """Whether no worker is known, so that a call has to wait for the agent."""
        return not self._workers

    @property
    def in_flight(self) -> int:
        """Calls that its workers have."""
        return sum(worker.in_flight for worker in self._workers)

    @property
    def waiting(self) -> int:
        """Calls that wait for one of its workers."""
        return len(self._queue)

    async def acquire(self) -> Worker:
        """Return the worker that the function's policy chooses, counted as having one call more.

        Raises:
            InstanceRefused, AgentUnavailable: there is no worker and will be none.
            QueueFull: too many wait already.
            QueueTimeout: the wait was in vain.
        """
        loop = asyncio.get_running_loop()
        if (worker := self.take_free(loop.time())) is not None:
            return worker
        # The call that has the first worker started may wait in any case.
        limit = self.spec.queue or (1 if self.empty else 0)
        if len(self._queue) >= limit:
            raise QueueFull(
                f"{limit} calls of {self.spec.name} wait already",
                members={"limit": "queue", "queue": limit},
                retry_after_s=1,
            )
        turn: asyncio.Future[Worker] = loop.create_future()
        self._queue.append(turn)
        if self._asking is None and (self.empty or self._again is None):
            self._renew_soon()
        return await self._wait(turn)

    def take_free(self, now: float) -> Worker | None:
        """Return a worker at once, counted as having one call more; None if there is none free.

        `now` is the event loop's time.
        """
        if self._asking is None and now - self._asked_at >= self._patience.fresh_s:
            self._renew_soon()
        return None if self._queue else self._take()

    def release(self, worker: Worker, *, seconds: float | None = None) -> None:
        """Take back a call from the worker, after `seconds` if it was answered."""
        if seconds is not None:
            self._policy.finished(worker, seconds=seconds)
        worker.in_flight -= 1
        if self._queue:
            self._dispatch()

    def lost(self, worker: Worker) -> None:
        """Forget a worker that does not accept connections; the next call asks the agent."""
        if worker in self._workers:
            self._workers.remove(worker)
            worker.pool.close()
        self._asked_at = float("-inf")
        if self._queue and self._asking is None:
            self._renew_soon()

    def retain(self, ids: Collection[str]) -> None:
        """Forget the workers but these, as somebody was told of late by the agent."""
        gone = [worker for worker in self._workers if worker.id not in ids]
        self._workers = [worker for worker in self._workers if worker.id in ids]
        for worker in gone:
            worker.pool.close()

    def close(self) -> None:
        """Stop asking and drop the kept connections."""
        if self._asking is not None:
            self._asking.cancel()
        if self._again is not None:
            self._again.cancel()
        for worker in self._workers:
            worker.pool.close()
        self._workers = []

    def _take(self) -> Worker | None:
        workers = self._workers
        if len(workers) == 1:
            # Nothing to choose, which is how it is most of the time.
            worker = workers[0] if has_room(workers[0]) else None
        else:
            worker = self._policy.choose(workers)
        if worker is not None:
            worker.in_flight += 1
        return worker

    async def _wait(self, turn: asyncio.Future[Worker]) -> Worker:
        patience = self._patience
        wait_s = patience.start_wait_s if self.empty else patience.queue_wait_s
        try:
            async with asyncio.timeout(wait_s):
                return await turn
        except TimeoutError as error:
            self._give_up(turn)
            raise QueueTimeout(
                f"no worker of {self.spec.name} came free within {wait_s:g} s", retry_after_s=1
            ) from error
        except BaseException:
            self._give_up(turn)
            raise

    def _give_up(self, turn: asyncio.Future[Worker]) -> None:
        if turn in self._queue:
            self._queue.remove(turn)
        elif turn.done() and not turn.cancelled() and turn.exception() is None:
            # It was given a worker in the very moment that it went.
            self.release(turn.result())

    def _dispatch(self) -> None:
        while self._queue:
            if self._queue[0].done():
                self._queue.popleft()
            elif (worker := self._take()) is None:
                return
            else:
                self._queue.popleft().set_result(worker)

    def _renew_soon(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None
        self._asking = asyncio.get_running_loop().create_task(self._renew())
        self._asking.add_done_callback(self._asked)

    async def _renew(self) -> None:
        listed = await self._ask(len(self._queue))
        known = {worker.id: worker for worker in self._workers}
        self._workers = [
            known.pop(entry.id) if entry.id in known else Worker(entry, version=listed.version)
            for entry in listed.instances
        ]
        for gone in known.values():
            gone.pool.close()

    def _asked(self, task: asyncio.Task[None]) -> None:
        self._asking = None
        loop = asyncio.get_running_loop()
        self._asked_at = loop.time()
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and self._workers:
            logger.warning("the list of workers is not renewed: %s", error)
        elif error is not None:
            for turn in self._queue:
                if not turn.done():
                    turn.set_exception(error)
            self._queue.clear()
        self._dispatch()
        if self._queue and self._again is None:
            self._again = loop.call_later(ASK_AGAIN_S, self._ask_again)

    def _ask_again(self) -> None:
        self._again = None
        if self._queue and self._asking is None:
            self._renew_soon()
