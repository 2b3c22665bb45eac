"""A TCP relay that holds every byte back for a while, each way for its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def slow_relay(port: int, *, there_s: float, back_s: float) -> AsyncIterator[int]:
    """Relay to `port` for the length of a block; gives the port to connect to."""
    tasks: set[asyncio.Task[None]] = set()

    async def carry(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await asyncio.sleep(delay_s)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        from_there, to_there = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(
                carry(reader, to_there, there_s), carry(from_there, writer, back_s)
            )
        finally:
            tasks.discard(task)
            for end in (writer, to_there):
                end.transport.abort()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
