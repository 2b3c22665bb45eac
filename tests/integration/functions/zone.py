"""A zone's mdms workers behind an entrance that tells them who calls, as the gateway does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from functions.mdms.app import create_app
from functions.runtime.config import WorkerConfig
from functions.runtime.whole_call import Headers, WholeCall, take_whole_of
from storage.hot.acl import provision_link, provision_tenant
from storage.hot.library import install

PASSWORD = "a-password-for-tests"
TENANTS = ("acme", "bolt")
BEYOND = {"zone-2": [b"zone-3a", b"zone-3b"]}
"""The zones further out than a zone, as the topology has them."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Entrance:
    """Names the caller in the headers that only a gateway may write, and picks the worker.

    A bearer key is `zone-...` for a zone, which names the tenant in its envelope, or else the
    tenant's own slug. `unreachable` makes every call fail as a cut link does. A tenant of `leaving`
    has no worker here; the zone still hands on what it has. `incarnation` is the record's. Calls
    come to a worker `whole`, in one read, as most do, or a piece at a time.
    """

    def __init__(self, workers: dict[str, App]) -> None:
        self.workers = workers
        self.unreachable = False
        self.calls: list[str] = []
        self.leaving: set[str] = set()
        self.incarnation = 0
        self.whole = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.unreachable:
            raise httpx.ConnectError("the link is cut")
        headers = dict(scope["headers"])
        self.calls.append(f"{scope['method']} {scope['path']}")
        key = headers.pop(b"authorization", b"").removeprefix(b"Bearer ").decode()
        is_zone = key.startswith("zone-")
        if scope["path"] == "/v1/platform/tenants":
            await _send_tenants(send, [*self.workers, *self.leaving], self.leaving)
            return
        tenant = headers.pop(b"gridfaas-tenant", b"").decode() if is_zone else key
        headers |= {
            b"x-gridfaas-tenant": tenant.encode(),
            b"x-gridfaas-role": b"zone" if is_zone else b"tenant-service",
            b"x-request-id": b"req-1",
        }
        if is_zone:
            headers[b"x-gridfaas-zone-credential"] = key.encode()
            headers[b"x-gridfaas-incarnation"] = str(self.incarnation).encode()
            headers[b"x-gridfaas-zone-edges"] = b" ".join([key.encode(), *BEYOND.get(key, [])])
        told = scope | {"headers": list(headers.items())}
        worker = self.workers[tenant]
        if self.whole and await _taken_whole(worker, told, receive := Kept(receive), send):
            return
        await worker(told, receive, send)


class Kept:
    """What is received, once to look at and once again."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: list[MutableMapping[str, Any]] = []

    async def body(self) -> bytes:
        """The whole body."""
        while not self._messages or self._messages[-1].get("more_body"):
            self._messages.append(await self._receive())
        return b"".join(message.get("body", b"") for message in self._messages)

    async def __call__(self) -> MutableMapping[str, Any]:
        return self._messages.pop(0) if self._messages else await self._receive()


async def _taken_whole(worker: App, scope: Scope, receive: Kept, send: Send) -> bool:
    """Offer a call as a worker's connection does; False when it is left to ASGI."""
    take_whole = take_whole_of(worker)
    if take_whole is None:
        return False
    answered: asyncio.Future[tuple[int, Headers, bytes]] = asyncio.Future()
    call = WholeCall(scope["method"], scope["path"], scope["headers"], await receive.body())
    if not take_whole(call, lambda *answer: answered.set_result(answer)):
        return False
    status, headers, body = await asyncio.wait_for(answered, 60)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return True


async def _send_tenants(send: Send, slugs: list[str], leaving: set[str]) -> None:
    tenants = [{"slug": slug, "link_only": slug in leaving} for slug in slugs]
    response = httpx.Response(200, json={"tenants": tenants})
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"application/json")],
        }
    )
    await send({"type": "http.response.body", "body": response.content})


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """An open zone; `client` sends as tenant acme, whatever headers a test adds."""

    name: str
    entrance: Entrance
    client: httpx.AsyncClient

    def calls_as(self, key: str, *, tenant: str | None = None) -> dict[str, str]:
        """Headers of a call with another key, and with the envelope of a tenant."""
        envelope = {} if tenant is None else {"GridFaaS-Tenant": tenant}
        return {"Authorization": f"Bearer {key}"} | envelope


async def provision_hot(redis_url: str) -> str:
    """Install the library, wall the tenants in, and return the link user's URL."""
    await install(redis_url)
    for tenant in TENANTS:
        await provision_tenant(redis_url, tenant, password=PASSWORD)
    return await provision_link(redis_url, password=PASSWORD)


async def open_zone(
    stack: AsyncExitStack,
    *,
    name: str,
    tier: int,
    redis_url: str | None = None,
    database_urls: dict[str, str] | None = None,
    settings: dict[str, Any] | None = None,
) -> Zone:
    """Start an mdms worker for each tenant; they stop with `stack`."""
    workers: dict[str, App] = {}
    for tenant in TENANTS:
        config = WorkerConfig(
            function="mdms",
            app="functions.mdms.app:create_app",
            tenant=tenant,
            zone=name,
            tier=tier,
            socket="",
            gateway_url="",
            redis_url=redis_url and await provision_tenant(redis_url, tenant, password=PASSWORD),
            database_url=database_urls and database_urls[tenant],
            settings=settings or {},
        )
        app = create_app(config)
        await stack.enter_async_context(lifespan(app))
        workers[tenant] = app
    entrance = Entrance(workers)
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(entrance),
        base_url=f"http://{name}",
        headers={"Authorization": "Bearer acme"},
    )
    await stack.enter_async_context(client)
    return Zone(name=name, entrance=entrance, client=client)


@asynccontextmanager
async def lifespan(app: App) -> AsyncIterator[None]:
    """Speak the ASGI lifespan protocol to `app`, as its server does."""
    to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    from_app: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "state": {}}, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    started = await asyncio.wait_for(from_app.get(), 10)
    assert started["type"] == "lifespan.startup.complete", started
    try:
        yield
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        await asyncio.wait_for(task, 10)
