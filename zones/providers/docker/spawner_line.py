"""The agent's line to its spawner: orders one way, events the other, made anew when it breaks."""

import asyncio
import contextlib
import logging
import random
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable

import msgspec

from zones.backoff import backoff_s
from zones.providers.docker import frames
from zones.providers.port import ProviderUnavailable

CLOSE_DEADLINE_S = 40.0
"""Within this, a spawner removes what it made."""

logger = logging.getLogger(__name__)


class SpawnerLine(ABC):
    """`heard` gets each event, `lost` is called when a line has ended."""

    def __init__(self, *, heard: Callable[[frames.Event], None], lost: Callable[[], None]) -> None:
        self._heard = heard
        self._lost = lost
        self._control: socket.socket | None = None
        self._gone = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self.pid: int | None = None

    def open(self) -> None:
        """Have a spawner, and another one whenever its line ends, until `close`."""
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

    @abstractmethod
    async def _run(self) -> None:
        """Reach a spawner, `_follow` its line to the end, and see to it that it cleans up.

        Raises:
            OSError: there is none.
        """

    async def _follow(self, control: socket.socket) -> None:
        """Take orders to a connected line and events from it, until it ends."""
        control.setblocking(False)
        loop = asyncio.get_running_loop()
        self._gone.clear()
        self._control = control
        loop.add_reader(control.fileno(), self._read, control)
        try:
            await self._gone.wait()
        finally:
            loop.remove_reader(control.fileno())
            self._control = None

    async def _keep(self) -> None:
        failures = 0
        while True:
            try:
                await self._run()
            except OSError as error:
                logger.warning("there is no spawner: %s", error)
            failures += 1
            pause = backoff_s(failures=failures, jitter=random.random())
            logger.warning("the spawner ended, another one follows in %.1f s", pause)
            await asyncio.sleep(pause)

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
