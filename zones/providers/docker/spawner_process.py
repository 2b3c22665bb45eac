"""The spawner as a child of the agent: started, heard, and started again whenever it dies."""

import asyncio
import contextlib
import logging
import os
import random
import socket
import sys
from collections.abc import Callable

import msgspec

from zones.backoff import backoff_s
from zones.providers.docker import frames
from zones.providers.docker.body import Site, encode_site
from zones.providers.port import ProviderUnavailable

CLOSE_DEADLINE_S = 40.0
# How the engine is found, and nothing that the agent knows besides.
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
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
)

logger = logging.getLogger(__name__)


class SpawnerProcess:
    """`heard` gets each event, `lost` is called when a spawner has ended."""

    def __init__(
        self,
        site: Site,
        *,
        heard: Callable[[frames.Event], None],
        lost: Callable[[], None],
    ) -> None:
        self._site = site
        self._heard = heard
        self._lost = lost
        self._control: socket.socket | None = None
        self._gone = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self.pid: int | None = None

    def open(self) -> None:
        """Start a spawner, and another one whenever it dies, until `close`."""
        self._keeper = asyncio.create_task(self._keep(), name="spawner keeper")

    async def close(self) -> None:
        """Have the spawner remove what it made, and wait for that."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None

    def send(self, order: frames.Order) -> None:
        """Send an order.

        Raises:
            ProviderUnavailable: there is no spawner, or it does not read.
        """
        if self._control is None:
            raise ProviderUnavailable("the spawner is gone")
        try:
            self._control.send(frames.encoder.encode(order))
        except OSError as error:
            raise ProviderUnavailable(f"the spawner does not read: {error}") from error

    async def _keep(self) -> None:
        failures = 0
        while True:
            try:
                await self._run()
            except OSError:
                logger.exception("the spawner cannot be started")
            failures += 1
            pause = backoff_s(failures=failures, jitter=random.random())
            logger.warning("the spawner ended, another one follows in %.1f s", pause)
            await asyncio.sleep(pause)

    async def _run(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        self._gone.clear()
        with ours:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "zones.providers.docker.spawner",
                    "--control-fd",
                    str(theirs.fileno()),
                    "--site",
                    encode_site(self._site),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env={name: os.environ[name] for name in PASSED_ENV if name in os.environ},
                    start_new_session=True,
                )
            self._control = ours
            self.pid = process.pid
            loop.add_reader(ours.fileno(), self._read, ours)
            try:
                await self._gone.wait()
            finally:
                loop.remove_reader(ours.fileno())
                self._control = None
                ours.close()
                await self._end(process)
                self._lost()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Wait for the spawner, which cleans up and ends when its control socket is closed."""
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
            self._gone.set()
            return
        try:
            self._heard(frames.event_decoder.decode(frame))
        except msgspec.DecodeError:
            logger.exception("an event of the spawner cannot be read")
