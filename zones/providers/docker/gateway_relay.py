"""A unix socket in a container's folder that leads to the zone's gateway, and nowhere else."""

import asyncio
import contextlib
import os
from pathlib import Path

MAX_CONNECTIONS = 64
CONNECT_DEADLINE_S = 5.0
_PIECE = 64 * 1024


class GatewayRelay:
    """One container's way to the gateway, which asks for a key as it does of anybody."""

    def __init__(self, gateway: tuple[str, int]) -> None:
        self._gateway = gateway
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def listen(self, path: Path) -> None:
        """Begin; the container's user may connect."""
        self._server = await asyncio.start_unix_server(self._connected, path)
        os.chmod(path, 0o666)

    def close(self) -> None:
        """End every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._open) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._open.add(task)
        # Cancelled with the container: streams would report that as an error.
        with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
            try:
                async with asyncio.timeout(CONNECT_DEADLINE_S):
                    there, back = await asyncio.open_connection(*self._gateway)
                with contextlib.closing(back):
                    async with asyncio.TaskGroup() as ways:
                        ways.create_task(_copy(reader, back))
                        ways.create_task(_copy(there, writer))
            finally:
                writer.close()
                self._open.discard(task)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(_PIECE):
            target.write(piece)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()
