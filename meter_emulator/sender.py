"""Open-loop sender: keeps connections busy with what the backlog hands out, until it is done."""

import asyncio
import contextlib
import functools
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from meter_emulator.backlog import Attempt, Backlog
from meter_emulator.retry import retry_after_s
from meter_emulator.wire import Address, Connection, Line, OnAnswer, OnLost

T = TypeVar("T")

_LOOK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """How many connections, and the seconds each step may take."""

    connections: int = 4
    connect_s: float = 5.0
    answer_s: float = 30.0
    reconnect_s: float = 0.2


OpenLine = Callable[[OnAnswer, OnLost], Awaitable[Line]]
"""Opens a line to the platform, or raises OSError."""


def http_lines(address: Address) -> OpenLine:
    """Keep-alive connections to a gateway."""
    tls = ssl.create_default_context() if address.tls else None

    async def open_line(on_answer: OnAnswer, on_lost: OnLost) -> Line:
        make = functools.partial(Connection, on_answer=on_answer, on_lost=on_lost)
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(make, address.host, address.port, ssl=tls)
        return line

    return open_line


class Sender(Generic[T]):
    """Sends a backlog over lines that stay open. Use it once, in the loop that it runs in."""

    def __init__(
        self,
        *,
        address: Address | None = None,
        backlog: Backlog[T],
        lines: Lines,
        open_line: OpenLine | None = None,
    ) -> None:
        """Lines are opened by `open_line`, or else to the gateway at `address`."""
        if open_line is None:
            if address is None:
                raise ValueError("a gateway, or another way to open lines, is needed")
            open_line = http_lines(address)
        self._open_line = open_line
        self._backlog = backlog
        self._lines = lines
        self._idle: list[Line] = []
        self._busy: dict[Line, Attempt[T]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_at = 0.0
        self._done = asyncio.Event()
        self._stopping = False
        # uvloop's own clock stands still within a turn and counts whole milliseconds.
        self._clock = time.monotonic

    async def run(self) -> None:
        """Send until everything is answered, refused or given up, or `stop` is called."""
        loop = asyncio.get_running_loop()
        self._backlog.start(self._clock())
        tasks = [loop.create_task(self._keep_open()) for _ in range(self._lines.connections)]
        tasks.append(loop.create_task(self._watch()))
        try:
            finished = loop.create_task(self._wait_done())
            tasks.append(finished)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            self._stopping = True
            if self._timer:
                self._timer.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for connection in [*self._idle, *self._busy]:
                connection.abort()

    def stop(self) -> None:
        """End now; what has no answer yet stays unanswered."""
        self._done.set()

    async def _wait_done(self) -> None:
        await self._done.wait()

    async def _keep_open(self) -> None:
        while True:
            lost = asyncio.Event()
            on_lost = functools.partial(self._on_lost, lost)
            try:
                async with asyncio.timeout(self._lines.connect_s):
                    line = await self._open_line(self._on_answer, on_lost)
            except OSError:
                await asyncio.sleep(self._lines.reconnect_s)
                continue
            self._feed(line)
            await lost.wait()

    async def _watch(self) -> None:
        while True:
            now = self._clock()
            for line in list(self._busy):
                if line.sent_at is not None and now - line.sent_at > self._lines.answer_s:
                    line.abort()
            if self._backlog.finished or self._backlog.stalled(now):
                self._done.set()
            await asyncio.sleep(_LOOK_S)

    def _feed(self, line: Line) -> None:
        if self._stopping or not line.usable:
            return
        now = self._clock()
        attempt = self._backlog.take(now)
        if attempt is None:
            self._idle.append(line)
            self._sleep(now)
            return
        self._busy[line] = attempt
        line.send(attempt.payload, now)

    def _sleep(self, now: float) -> None:
        if self._backlog.finished:
            self._done.set()
            return
        wake = self._backlog.wake_at(now)
        if wake is None or (self._timer and self._wakes_at <= wake):
            return
        if self._timer:
            self._timer.cancel()
        self._wakes_at = wake
        self._timer = asyncio.get_running_loop().call_later(max(wake - now, 0.0), self._wake)

    def _wake(self) -> None:
        self._timer = None
        while self._idle:
            line = self._idle.pop()
            self._feed(line)
            if self._idle and self._idle[-1] is line:
                return

    def _on_answer(self, line: Line, status: int, body: bytes, header: bytes | None) -> None:
        attempt = self._busy.pop(line)
        self._backlog.answered(
            attempt,
            now=self._clock(),
            status=status,
            body=body,
            retry_after_s=retry_after_s(header),
        )
        self._feed(line)

    def _on_lost(self, lost: asyncio.Event, line: Line) -> None:
        with contextlib.suppress(ValueError):
            self._idle.remove(line)
        attempt = self._busy.pop(line, None)
        if attempt is not None and not self._stopping:
            self._backlog.failed(attempt, now=self._clock())
            self._wake()
        lost.set()
