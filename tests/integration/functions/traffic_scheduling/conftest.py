"""The link between zones."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from functions.runtime.config import WorkerConfig
from functions.traffic_scheduling.app import build_app
from tests.integration.functions.traffic_scheduling.links import QUICK, StartLink, Way
from tests.integration.functions.zone import Zone, lifespan, provision_hot


@pytest.fixture
async def start_link() -> AsyncIterator[StartLink]:
    """Start the forwarder from a zone to its parent; return a client of the forwarder.

    Ask for it after the zones, so that links end before what they connect.
    """
    opened = AsyncExitStack()

    async def start(
        child: Zone, parent: Zone, redis_url: str, **settings: Any
    ) -> httpx.AsyncClient:
        config = WorkerConfig(
            function="traffic_scheduling",
            app="functions.traffic_scheduling.app:create_app",
            tenant="platform",
            zone=child.name,
            tier=3,
            socket="",
            gateway_url=f"http://{child.name}",
            parent_url=f"http://{parent.name}",
            redis_url=await provision_hot(redis_url),
            zone_credential=child.name,
            settings=QUICK | settings,
        )
        entrances = {f"http://{zone.name}": zone.entrance for zone in (child, parent)}

        def client(base_url: str) -> httpx.AsyncClient:
            return httpx.AsyncClient(
                transport=httpx.ASGITransport(entrances[base_url]),
                base_url=base_url,
                headers={"Authorization": f"Bearer {child.name}"},
            )

        app = build_app(config, client=client)
        await opened.enter_async_context(lifespan(app))
        return await opened.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://link")
        )

    async with opened:
        yield start


@pytest.fixture
def way(
    edge: Zone,
    fog: Zone,
    headquarters: Zone,
    start_link: StartLink,
    redis_url: str,
    fog_url: str,
) -> Way:
    """Zones 3, 2 and 1, whose links are opened by the test."""
    return Way(
        edge=edge,
        fog=fog,
        headquarters=headquarters,
        start_link=start_link,
        edge_url=redis_url,
        fog_url=fog_url,
    )
