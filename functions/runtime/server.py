"""The HTTP server of one worker: uvicorn on a bound unix socket, which reports what it does."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any, cast

import uvicorn

from functions.runtime.counted import CountedApp
from functions.runtime.cycles import GrowthLook
from functions.runtime.ends import WorkerExit
from functions.runtime.http_connection import GatewayConnection
from functions.runtime.protocol import Draining, Load, Ready, Report
from functions.runtime.run_time_guard import RunTimeGuard

DRAIN_S = 5
_TICK_S = 1.0


class WorkerServer(uvicorn.Server):
    """Reports ready after the lifespan's start, then its load once a second when it changed.

    `limit` is the limit that a call met, None as long as none did: the server then drains.
    """

    def __init__(
        self,
        app: Any,
        *,
        report: Callable[[Report], None],
        memory_mb: int = 0,
        run_time_s: float | None = None,
    ) -> None:
        """With `run_time_s` the process is ended once its event loop hangs for that long."""
        self.limit: WorkerExit | None = None
        self._ending = asyncio.Event()
        self._guard = None if run_time_s is None else RunTimeGuard(run_time_s)
        self._counted = CountedApp(app, limit_met=self._end_at)
        super().__init__(
            uvicorn.Config(
                self._counted,
                loop="uvloop",
                http=cast(Any, GatewayConnection),
                ws="none",
                lifespan="on",
                interface="asgi3",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=DRAIN_S,
            )
        )
        self._report = report
        self._reported = Load(active=0, calls=0)
        self._cycles = GrowthLook(memory_mb=memory_mb)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._guard is not None:
            self._guard.start()
        await super().startup(sockets)
        if self.started:
            self._report(Ready())

    def end(self) -> None:
        """Drain and return."""
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        # uvicorn looks ten times a second whether it should end; this is told.
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._ending.wait()

    async def on_tick(self, counter: int) -> bool:
        self._report_load()
        self._cycles.look()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self._guard is not None:
            self._guard.stop()
        self._report_load()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Drain on SIGTERM and return, where uvicorn would end by the signal."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.end)
        yield
        loop.remove_signal_handler(signal.SIGTERM)

    def _end_at(self, limit: WorkerExit) -> None:
        if self.limit is None:
            self.limit = limit
            self._report(Draining())
        self.end()

    def _report_load(self) -> None:
        load = Load(active=self._counted.active, calls=self._counted.calls)
        if load != self._reported:
            self._report(load)
            self._reported = load
