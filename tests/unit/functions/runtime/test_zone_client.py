"""The client of zones leaves no answer behind, even while nobody looks for cycles."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from functions.runtime.zone_client import zone_client

BODY = b"x" * 100_000


@pytest.fixture(autouse=True)
def _no_looks_for_cycles() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
    await writer.drain()
    writer.close()


async def test_an_answer_goes_with_its_last_user() -> None:
    server = await asyncio.start_server(answering, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, zone_client(f"http://127.0.0.1:{port}", credential="c") as client:
        answer = await client.get("/")
        whole = answer.content
        left = weakref.ref(answer)
        del answer

    assert whole == BODY
    assert left() is None
