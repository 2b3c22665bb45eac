"""The spawner in a container of its own, which alone has the engine's socket."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path

from zones.providers.docker import frames
from zones.providers.docker.spawner_line import CLOSE_DEADLINE_S, SpawnerLine


class SpawnerAfar(SpawnerLine):
    """Called at its socket, and again whenever it hangs up; what it may make is its own affair."""

    def __init__(
        self,
        path: Path,
        *,
        heard: Callable[[frames.Event], None],
        lost: Callable[[], None],
    ) -> None:
        super().__init__(heard=heard, lost=lost)
        self._path = path

    async def _run(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
            line.setblocking(False)
            await asyncio.get_running_loop().sock_connect(line, str(self._path))
            try:
                await self._follow(line)
            finally:
                await _hang_up(line)
                self._lost()


async def _hang_up(line: socket.socket) -> None:
    """Say that this agent is gone, and wait until the spawner has removed what it made."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError, TimeoutError):
        line.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(CLOSE_DEADLINE_S):
            while await loop.sock_recv(line, frames.MAX_FRAME_BYTES):
                pass
