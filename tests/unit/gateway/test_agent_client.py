import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.agent_client import LOG_READERS, AgentClient, TooManyFollowers

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[AgentClient]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD if b"/logs" in asked else b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await reader.read()
        writer.close()

    path = tmp_path / "agent.sock"
    server = await asyncio.start_unix_server(answer, path)
    client = AgentClient(path, timeout_s=5)
    yield client
    await client.close()
    server.close()
    await server.wait_closed()


async def test_readers_of_logs_are_bounded_for_each_tenant_and_hold_up_nobody(
    client: AgentClient,
) -> None:
    async with AsyncExitStack() as reading:
        for _ in range(LOG_READERS):
            await reading.enter_async_context(
                client.logs(tenant="acme", name="f", tail=0, follow=True)
            )

        with pytest.raises(TooManyFollowers, match="acme"):
            async with client.logs(tenant="acme", name="f", tail=0, follow=True):
                pass

        async with client.logs(tenant="basra", name="f", tail=0, follow=True):
            assert await client.answers()

    async with client.logs(tenant="acme", name="f", tail=0, follow=True):
        pass
