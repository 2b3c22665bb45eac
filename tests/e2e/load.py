"""Open-loop load on the edges: bodies leave at their own pace and are retried until answered."""

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.e2e.body import Body
from tests.e2e.journal import Journal
from tests.e2e.line import Answer, Line, NoAnswer
from tests.e2e.traffic import Traffic

READINGS = "/v1/mdms/readings"
TRY_AGAIN = frozenset({429, 502, 503, 504})
LINES = 6
MOST_UNDER_WAY = 150
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0


class Load:
    """Sends `traffic` at `per_s` bodies a second; the journal gets every acknowledgement."""

    def __init__(
        self,
        traffic: Traffic,
        *,
        journal: Journal,
        open_line: Callable[[str, str], Line],
        per_s: float,
        draw: random.Random,
    ) -> None:
        """`open_line` makes a line of a tenant's to an edge."""
        self._traffic = traffic
        self._journal = journal
        self._open_line = open_line
        self._per_s = per_s
        self._draw = draw
        self._idle: defaultdict[tuple[str, str], list[Line]] = defaultdict(list)
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(LINES)
        )
        self._deliveries: set[asyncio.Task[None]] = set()
        self._answered = asyncio.Condition()
        self._count: defaultdict[str, int] = defaultdict(int)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send for the length of a block; then nothing new goes out."""
        sending = asyncio.create_task(self._send())
        try:
            yield
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending

    async def settled(self) -> None:
        """Return when everything that was sent is acknowledged."""
        while self._deliveries:
            await asyncio.gather(*self._deliveries)

    async def acknowledged(self, edge: str, bodies: int) -> None:
        """Return when so many more bodies are acknowledged at an edge."""
        async with self._answered:
            target = self._count[edge] + bodies
            await self._answered.wait_for(lambda: self._count[edge] >= target)

    async def close(self) -> None:
        """Give up what is not acknowledged."""
        for task in self._deliveries:
            task.cancel()
        await asyncio.gather(*self._deliveries, return_exceptions=True)
        for lines in self._idle.values():
            for line in lines:
                line.close()

    async def _send(self) -> None:
        while True:
            # The load of independent meters: it does not wait for answers, up to a bound.
            await asyncio.sleep(self._draw.expovariate(self._per_s))
            if len(self._deliveries) < MOST_UNDER_WAY:
                task = asyncio.create_task(self._deliver(self._traffic.next_body()))
                self._deliveries.add(task)
                task.add_done_callback(self._deliveries.discard)

    async def _deliver(self, body: Body) -> None:
        copies = await asyncio.gather(*(self._persist(body) for _ in range(body.copies)))
        self._journal.settle(
            body,
            [answer for answer, _ in copies],
            tries=sum(tries for _, tries in copies),
        )
        self._traffic.done(body)
        async with self._answered:
            self._count[body.edge] += 1
            self._answered.notify_all()

    async def _persist(self, body: Body) -> tuple[bytes, int]:
        """Send until there is an acknowledgement; return it and the number of requests."""
        tries, pause_s = 0, FIRST_PAUSE_S
        while True:
            tries += 1
            try:
                answer = await self._post(body)
            except NoAnswer:
                pass
            else:
                if answer.status == 200:
                    return answer.body, tries
                if answer.status not in TRY_AGAIN:
                    self._journal.fault(f"{body.edge}: {answer.status} {answer.body[:300]!r}")
            await asyncio.sleep(pause_s * self._draw.uniform(0.5, 1))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _post(self, body: Body) -> Answer:
        async with self._slots[body.edge]:
            idle = self._idle[body.tenant, body.edge]
            line = idle.pop() if idle else self._open_line(body.tenant, body.edge)
            try:
                return await line.call("POST", READINGS, body.payload)
            finally:
                idle.append(line)
