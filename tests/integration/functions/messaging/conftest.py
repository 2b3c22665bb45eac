"""A messaging worker over a real Valkey, which calls functions by HTTP on a real socket."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from functions.messaging.app import create_app
from functions.runtime.config import WorkerConfig
from storage.hot.acl import provision_messaging
from storage.hot.queues.library import install
from tests.integration.functions.messaging.entrance import Entrance, listening
from tests.integration.functions.zone import lifespan

QUICK = {
    "lease_s": 1.0,
    "look_every_s": 0.1,
    "deployments_every_s": 0.1,
    "schedules_every_s": 0.1,
    "callback_first_s": 0.05,
    "private_callbacks": True,
}
Start = Callable[..., Awaitable["Messaging"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Messaging:
    """A worker, asked as its gateway asks it."""

    client: httpx.AsyncClient
    stack: AsyncExitStack

    async def call_later(
        self,
        function: str,
        *,
        tenant: str = "acme",
        target: str = "",
        body: bytes = b"{}",
        **said: str,
    ) -> httpx.Response:
        headers = as_tenant(tenant) | {
            "x-gridfaas-async-function": function,
            "x-gridfaas-async-method": "POST",
            "x-gridfaas-async-target": target,
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in said.items()},
        }
        return await self.client.post("/v1/messaging/calls", content=body, headers=headers)

    async def accepted(self, function: str, **said: Any) -> str:
        answer = await self.call_later(function, **said)
        assert answer.status_code == 202, answer.text
        return str(answer.headers["x-call-id"])

    async def get(self, path: str, *, tenant: str = "acme", **headers: str) -> httpx.Response:
        return await self.client.get(f"/v1/messaging{path}", headers=as_tenant(tenant) | headers)

    async def call(self, call_id: str, *, tenant: str = "acme") -> dict[str, Any]:
        answer = await self.get(f"/calls/{call_id}", tenant=tenant)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def ended(self, call_id: str, *, tenant: str = "acme") -> dict[str, Any]:
        """The call, once it has ended."""
        found: dict[str, Any] = {}

        async def has_ended() -> bool:
            found.update(await self.call(call_id, tenant=tenant))
            return found["state"] in ("done", "failed", "cancelled")

        await eventually(has_ended)
        return found

    async def publish(self, topic: str, body: bytes, *, tenant: str = "acme") -> httpx.Response:
        return await self.client.post(
            f"/v1/messaging/topics/{topic}",
            content=body,
            headers=as_tenant(tenant) | {"content-type": "application/json"},
        )


def as_tenant(tenant: str, *, role: str = "tenant-admin") -> dict[str, str]:
    return {
        "x-gridfaas-tenant": tenant,
        "x-gridfaas-role": role,
        "x-gridfaas-subject": f"key-of-{tenant}",
        "x-request-id": "req-1",
    }


async def eventually(check: Callable[[], Awaitable[bool]], *, within_s: float = 20.0) -> None:
    until_s = time.monotonic() + within_s
    while not await check():
        assert time.monotonic() < until_s, "it does not happen"
        await asyncio.sleep(0.02)


@pytest.fixture
async def entrance() -> Entrance:
    return Entrance()


@pytest.fixture
async def gateway_url(entrance: Entrance) -> AsyncIterator[str]:
    async with listening(entrance) as url:
        yield url


@pytest.fixture
async def start(redis_url: str, gateway_url: str) -> AsyncIterator[Start]:
    """Start workers of the zone; `async with` one that is to end before the test does."""
    await install(redis_url)
    url = await provision_messaging(redis_url, password="m" * 32)
    async with AsyncExitStack() as opened:

        async def started(tier: int = 1, **settings: Any) -> Messaging:
            config = WorkerConfig(
                function="messaging",
                app="functions.messaging.app:create_app",
                tenant="platform",
                zone="zone-1",
                tier=tier,
                socket="",
                gateway_url=gateway_url,
                redis_url=url,
                zone_credential="gf_zone",
                settings=QUICK | settings,
            )
            app = create_app(config)
            stack = await opened.enter_async_context(AsyncExitStack())
            await stack.enter_async_context(lifespan(app))
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://messaging"
            )
            await stack.enter_async_context(client)
            return Messaging(client=client, stack=stack)

        yield started


@pytest.fixture
async def messaging(start: Start) -> Messaging:
    return await start()


@asynccontextmanager
async def receiver(entrance: Entrance) -> AsyncIterator[str]:
    async with listening(entrance) as url:
        yield url
