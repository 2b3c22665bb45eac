"""Workers as processes forked from a zygote, which is started again whenever it dies."""

import asyncio
import contextlib
import logging
import os
import random
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import assert_never

import msgspec

from zones.backoff import backoff_s
from zones.providers import frames
from zones.providers.ends import EndReason, detail_of, reason_of
from zones.providers.pipes import ContentTooLarge, pipe_holding, read_to_end
from zones.providers.port import (
    BecameReady,
    Draining,
    Ended,
    Event,
    Launch,
    Launched,
    LoadSeen,
    ProviderUnavailable,
)

UP_DEADLINE_S = 30.0
START_DEADLINE_S = 10.0
CLOSE_DEADLINE_S = 5.0
DESCRIBE_DEADLINE_S = 120.0
MAX_DESCRIPTION_BYTES = 64 * 1024 * 1024
# No secret's path among them: what the zygote does not know, no worker can inherit.
PASSED_ENV = (
    "PATH",
    "PYTHONPATH",
    "PYTHONSAFEPATH",
    "PYTHONUNBUFFERED",
    "PYTHONWARNINGS",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "GRIDFAAS_LOG_CONFIG",
)

logger = logging.getLogger(__name__)


class ProcessProvider:
    """One zygote at a time; the workers of a zygote that dies die with it."""

    def __init__(self, *, functions: Path) -> None:
        self._functions = functions
        self._deliver: Callable[[Event], None] = lambda event: None
        self._control: socket.socket | None = None
        self._up = asyncio.Event()
        self._lost = asyncio.Event()
        self._live: set[str] = set()
        self._asked: set[str] = set()
        self._keeper: asyncio.Task[None] | None = None
        self._closing = False
        self._isolation = "uid per tenant" if os.geteuid() == 0 else "none (not root)"

    @property
    def up(self) -> bool:
        """Whether a zygote obeys."""
        return self._up.is_set()

    @property
    def isolation(self) -> str:
        """What the zygote found; a uid per tenant needs root, without it all share one user."""
        return self._isolation

    async def open(self, deliver: Callable[[Event], None]) -> None:
        """Start a zygote, and another one whenever it dies, until `close`."""
        self._deliver = deliver
        self._keeper = asyncio.create_task(self._keep_zygote(), name="zygote keeper")

    async def close(self) -> None:
        """End the zygote, and by it every worker that is left."""
        self._closing = True
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None

    async def start(self, launch: Launch, *, ordered: Callable[[], None]) -> None:
        """Order a fork; the configuration goes through a pipe that only the child reads.

        Raises:
            ConfigTooLarge: more than a pipe's buffer, usually 64 KiB.
            ProviderUnavailable: no zygote came up in time, or it went away.
        """
        try:
            async with asyncio.timeout(START_DEADLINE_S):
                await self._up.wait()
        except TimeoutError as error:
            raise ProviderUnavailable("the zygote is not up") from error
        reader = pipe_holding(launch.config)
        descriptors = [reader] if launch.log_fd is None else [reader, launch.log_fd]
        try:
            self._send(frames.fork_order(launch.instance), descriptors)
        finally:
            os.close(reader)
        self._live.add(launch.instance)
        # Events are read in a later turn of the loop.
        ordered()

    def stop(self, instance: str, *, at_once: bool, idle: bool = False) -> None:
        """Send SIGTERM, or SIGKILL if `at_once`; of a process nothing is kept when `idle`."""
        if instance in self._live:
            self._asked.add(instance)
        # A zygote that is gone took its workers along: the instance ends by that.
        with contextlib.suppress(ProviderUnavailable):
            self._send(frames.signal_order(instance, 9 if at_once else 15), [])

    async def describe(self) -> bytes:
        """Have a child of the zygote ask each function once."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            try:
                self._send(frames.describe_order(), [writer])
            finally:
                os.close(writer)
            async with asyncio.timeout(DESCRIBE_DEADLINE_S):
                found = await read_to_end(reader, limit=MAX_DESCRIPTION_BYTES)
        except (TimeoutError, ContentTooLarge) as error:
            raise ProviderUnavailable(f"the functions are not described: {error!r}") from error
        finally:
            os.close(reader)
        if not found:
            raise ProviderUnavailable("the functions are not described")
        return found

    def _send(self, order: bytes, descriptors: list[int]) -> None:
        if self._control is None:
            raise ProviderUnavailable("the zygote is gone")
        try:
            socket.send_fds(self._control, [order], descriptors)
        except OSError as error:
            self._lost.set()
            raise ProviderUnavailable(f"the zygote does not read: {error}") from error

    async def _keep_zygote(self) -> None:
        failures = 0
        while True:
            try:
                came_up = await self._run_zygote()
            except OSError:
                logger.exception("the zygote cannot be started")
                came_up = False
            failures = 1 if came_up else failures + 1
            pause = backoff_s(failures=failures, jitter=random.random())
            logger.warning("the zygote ended, another one follows in %.1f s", pause)
            await asyncio.sleep(pause)

    async def _run_zygote(self) -> bool:
        """Run one zygote to its end; True if it ever was up."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        self._lost.clear()
        with ours:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "functions.runtime.zygote",
                    "--control-fd",
                    str(theirs.fileno()),
                    "--functions",
                    str(self._functions),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env={name: os.environ[name] for name in PASSED_ENV if name in os.environ},
                    start_new_session=True,
                )
            self._control = ours
            loop.add_reader(ours.fileno(), self._read, ours)
            came_up = False
            try:
                async with asyncio.timeout(UP_DEADLINE_S) as deadline:
                    up = asyncio.ensure_future(self._up.wait())
                    lost = asyncio.ensure_future(self._lost.wait())
                    try:
                        await asyncio.wait({up, lost}, return_when=asyncio.FIRST_COMPLETED)
                        came_up = up.done()
                        deadline.reschedule(None)
                        await lost
                    finally:
                        up.cancel()
                        lost.cancel()
            except TimeoutError:
                logger.error("the zygote did not come up within %d s", UP_DEADLINE_S)
            finally:
                loop.remove_reader(ours.fileno())
                self._control = None
                self._up.clear()
                ours.close()
                await self._end(process)
                closing = self._closing
                for instance in sorted(self._live):
                    asked = closing or instance in self._asked
                    self._deliver(
                        Ended(
                            instance=instance,
                            reason=EndReason.STOPPED if asked else EndReason.KILLED,
                            detail="the zygote ended",
                        )
                    )
                self._live.clear()
                self._asked.clear()
            return came_up

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Wait for the zygote, which ends by itself when its control socket is closed."""
        try:
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    def _read(self, control: socket.socket) -> None:
        try:
            frame = control.recv(frames.MAX_FRAME_BYTES)
        except BlockingIOError:
            return
        except OSError:
            frame = b""
        if not frame:
            asyncio.get_running_loop().remove_reader(control.fileno())
            self._lost.set()
            return
        try:
            self._handle(frames.event_decoder.decode(frame))
        except msgspec.DecodeError:
            logger.exception("an event of the zygote cannot be read")

    def _handle(self, event: frames.ZygoteEvent) -> None:
        match event:
            case frames.Up(isolation):
                self._isolation = isolation or self._isolation
                self._up.set()
            case frames.Forked(id, pid):
                self._deliver(Launched(instance=id, pid=pid))
            case frames.Ready(id):
                self._deliver(BecameReady(instance=id))
            case frames.Draining(id):
                self._deliver(Draining(instance=id))
            case frames.Load(id, active, calls):
                self._deliver(LoadSeen(instance=id, active=active, calls=calls))
            case frames.Refused(id, detail):
                self._end_instance(id, EndReason.CRASHED, detail)
            case frames.Exited(id, _, status, number, limit):
                asked = id in self._asked
                reason = reason_of(status=status, signal=number, asked=asked, limit=limit)
                self._end_instance(id, reason, detail_of(status=status, signal=number))
            case _:
                assert_never(event)

    def _end_instance(self, instance: str, reason: EndReason, detail: str) -> None:
        self._live.discard(instance)
        self._asked.discard(instance)
        self._deliver(Ended(instance=instance, reason=reason, detail=detail))
