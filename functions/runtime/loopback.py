"""A port on a container's own loopback that leads through a unix socket to the zone's gateway."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator

_PIECE = 64 * 1024


@contextlib.asynccontextmanager
async def loopback_to(path: str, *, port: int | None) -> AsyncIterator[None]:
    """Listen on 127.0.0.1:`port` and pass each connection on, both ways, to the socket at `path`.

    Nothing is done where there is no such socket: the gateway is reached as its address says.
    """
    if port is None or not os.access(path, os.F_OK):
        yield
        return

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError):
            there, back = await asyncio.open_unix_connection(path)
            with contextlib.closing(back):
                async with asyncio.TaskGroup() as ways:
                    ways.create_task(_copy(reader, back))
                    ways.create_task(_copy(there, writer))

    # Bound here: a bind that fails inside uvloop ends the process.
    server = await asyncio.start_server(connected, sock=socket.create_server(("127.0.0.1", port)))
    async with server:
        yield


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(_PIECE):
            target.write(piece)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()
