"""Three zones with mdms and both tiers' services, on real stores, behind an entrance each."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx

from functions.cold_storage.app import create_app as create_cold
from functions.hot_storage.app import build_app as build_hot
from functions.mdms.app import MdmsApp
from functions.mdms.app import create_app as create_mdms
from functions.mdms.edge_backing import edge_backing
from functions.mdms.metrics import MdmsMetrics
from functions.mdms.settings import read_settings
from functions.runtime.config import WorkerConfig
from functions.runtime.zone_calls import Answer, CallFailed, ZoneUnreachable
from storage.hot.acl import provision_tenant, provision_tiering
from tests.integration.functions.zone import (
    BEYOND,
    PASSWORD,
    App,
    Receive,
    Scope,
    Send,
    Zone,
    lifespan,
    provision_hot,
)

TENANT = "acme"
DAY_S = 86_400


@dataclass
class TierEntrance:
    """Picks the service by its prefix, and names the caller as a gateway does.

    A bearer key is `zone-...` for a zone, which names the tenant in its envelope, or the tenant's
    slug. `unreachable` makes every call fail as a cut link does.
    """

    services: dict[str, App] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    unreachable: bool = False
    calls: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.unreachable:
            raise httpx.ConnectError("the link is cut")
        self.calls.append(f"{scope['method']} {scope['path']}")
        headers = dict(scope["headers"])
        key = headers.pop(b"authorization", b"").removeprefix(b"Bearer ").decode()
        is_zone = key.startswith("zone-")
        if scope["path"] == "/v1/platform/tenants":
            tenants = [{"slug": TENANT, "link_only": False, "settings": self.settings}]
            body = httpx.Response(200, json={"tenants": tenants}).content
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})
            return
        headers |= {
            b"x-gridfaas-tenant": TENANT.encode(),
            b"x-gridfaas-role": b"zone" if is_zone else b"tenant-service",
            b"x-request-id": b"req-1",
        }
        if is_zone:
            headers[b"x-gridfaas-zone-credential"] = key.encode()
            headers[b"x-gridfaas-zone-edges"] = b" ".join([key.encode(), *BEYOND.get(key, [])])
        service = self.services[scope["path"].split("/")[2]]
        await service(scope | {"headers": list(headers.items())}, receive, send)


class TierCalls:
    """What a worker calls its own zone by, with its tenant's key."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(
        self, path: str, *, body: Any, method: str, headers: Mapping[str, str], timeout_s: float
    ) -> Answer:
        try:
            answer = await self._client.request(
                method, path, content=body, headers=dict(headers), timeout=timeout_s
            )
        except httpx.HTTPError as error:
            raise ZoneUnreachable(str(error)) from error
        found = Answer(status=answer.status_code, headers=answer.headers, body=answer.content)
        if answer.status_code >= 400:
            raise CallFailed(path, found)
        return found

    async def close(self) -> None:
        await self._client.aclose()


@dataclass(frozen=True, kw_only=True)
class TierZone:
    """A zone with its services; `zone.client` calls as the tenant."""

    entrance: TierEntrance
    client: httpx.AsyncClient
    name: str
    redis_url: str = ""

    def calls_as(self, key: str, *, tenant: str | None = None) -> dict[str, str]:
        return Zone(name=self.name, entrance=self.entrance, client=self.client).calls_as(  # type: ignore[arg-type]  # only the headers
            key, tenant=tenant
        )


def client_of(entrance: TierEntrance, *, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(entrance),
        base_url="http://zone",
        headers={"Authorization": f"Bearer {key}"},
    )


async def open_hot_zone(
    stack: AsyncExitStack,
    *,
    name: str,
    tier: int,
    redis_url: str,
    parent: TierEntrance,
    policy: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
) -> TierZone:
    """A zone below headquarters."""
    await provision_hot(redis_url)
    entrance = TierEntrance(settings={"hot_storage": policy or {}})
    common: dict[str, Any] = {"tenant": TENANT, "zone": name, "tier": tier, "socket": ""}
    mdms = WorkerConfig(
        function="mdms",
        gateway_url="",
        redis_url=await provision_tenant(redis_url, TENANT, password=PASSWORD),
        **common,
    )
    calls = TierCalls(client_of(entrance, key=TENANT))
    own_settings, metrics = read_settings({}), MdmsMetrics(tenant=TENANT, zone=name)
    entrance.services["mdms"] = MdmsApp(
        settings=own_settings,
        metrics=metrics,
        open_backing=lambda: edge_backing(mdms, own_settings, metrics, calls=calls),
    )
    tiers = WorkerConfig(
        function="hot_storage",
        gateway_url="http://own",
        parent_url="http://parent",
        redis_url=await provision_tiering(redis_url, password=PASSWORD),
        zone_credential="unused",
        settings={"rest_s": 0.01, "keep_absent_s": 0.01, "keep_s": 30.0} | (settings or {}),
        **common | {"tenant": "platform"},
    )

    def client(url: str) -> httpx.AsyncClient:
        return client_of(entrance if url == "http://own" else parent, key=name)

    entrance.services["hot_storage"] = build_hot(tiers, client=client)
    for service in entrance.services.values():
        await stack.enter_async_context(lifespan(service))
    outside = await stack.enter_async_context(client_of(entrance, key=TENANT))
    return TierZone(name=name, entrance=entrance, client=outside, redis_url=redis_url)


async def open_headquarters(stack: AsyncExitStack, *, database_url: str) -> TierZone:
    """Zone 1; `database_url` is the tenant's."""
    entrance = TierEntrance()
    for function, create, settings in (
        ("mdms", create_mdms, {"fold_after_s": 0.1, "fold_quiet_s": 0.1}),
        ("cold_storage", create_cold, {}),
    ):
        config = WorkerConfig(
            function=function,
            tenant=TENANT,
            zone="zone-1",
            tier=1,
            socket="",
            gateway_url="",
            database_url=database_url,
            settings=settings,
        )
        entrance.services[function] = create(config)
        await stack.enter_async_context(lifespan(entrance.services[function]))
    outside = await stack.enter_async_context(client_of(entrance, key=TENANT))
    return TierZone(name="zone-1", entrance=entrance, client=outside)
