"""A relay between a client and a real server that echoes."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from tests.unit.zones.links.line_plans import medium, plan
from zones.links.address import Address
from zones.links.emulated_link import EmulatedLink
from zones.links.medium import Medium
from zones.links.relay import Relay

FAST = medium("fibre", delay_ms=2.0)
BACKUP = medium("radio", delay_ms=4.0, jitter_ms=2.0)


@dataclass(slots=True)
class Upstream:
    """What the server above the link has seen."""

    port: int = 0
    connections: int = 0
    received: int = 0
    digests: list[str] = field(default_factory=list)
    resets: int = 0


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """Echoes each connection until its end, then ends it; remembers what came."""
    seen = Upstream()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        digest = hashlib.sha256()
        try:
            while data := await reader.read(65_536):
                digest.update(data)
                seen.received += len(data)
                writer.write(data)
                await writer.drain()
            seen.digests.append(digest.hexdigest())
            writer.write_eof()
        except ConnectionError:
            seen.resets += 1
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    seen.port = server.sockets[0].getsockname()[1]
    yield seen
    server.close()
    await server.wait_closed()


Open = Callable[..., Awaitable[Relay]]


@pytest.fixture
async def open_link(upstream: Upstream) -> AsyncIterator[Open]:
    """Starts links in front of the echoing server."""
    relays: list[Relay] = []

    async def start(
        *media: Medium, target: int | None = None, window: int = 262_144, **more: float
    ) -> Relay:
        link = EmulatedLink(plan(*(media or (FAST, BACKUP))), seed=1, window_bytes=window)
        where = Address("127.0.0.1", upstream.port if target is None else target)
        relay = Relay(link, target=where, **more)  # type: ignore[arg-type]  # the test's own
        await relay.start(Address("127.0.0.1", 0))
        relays.append(relay)
        return relay

    yield start
    for relay in relays:
        await relay.stop()
