"""Builds a gateway from its settings and takes it down again."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)

from gateway.access_log import AccessLog
from gateway.admission import Admission
from gateway.agent_client import AgentClient
from gateway.asgi import Receive, Scope, Send
from gateway.catalogue import Catalogue
from gateway.catalogue_watch import follow_catalogue
from gateway.control.entry import ControlEntry
from gateway.direct.door import DirectDoor
from gateway.direct.plan import Planner
from gateway.exposition import Exposition
from gateway.fleet import Patience
from gateway.function_limits import FunctionLimits
from gateway.gauges import GatewayGauges
from gateway.guarded import guarded
from gateway.health import Health
from gateway.instances import Instances
from gateway.invoke import InvokePath
from gateway.ledger.log import LedgerLog
from gateway.metrics import CallMetrics
from gateway.observers import Account
from gateway.openapi import OpenApi
from gateway.rate_limits import RateLimits
from gateway.routes import Routes
from gateway.settings import GatewaySettings
from gateway.snapshot_watch import SnapshotWatch
from storage.platform.registry import Registry, open_registry
from storage.platform.usage.bills import Bills, open_bills
from storage.platform.usage.price_list import read_price_lists

logger = logging.getLogger(__name__)


class Gateway:
    """The ASGI application of a zone's gateway."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._routes: Routes | None = None
        self.door: DirectDoor | None = None
        """Where a client's connection asks first, while the gateway runs."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the lifespan, or pass a request to the part that answers it."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        assert self._routes is not None
        await self._routes.find(scope["path"])(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self._running():
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception:
            logger.exception("the gateway cannot run")
            await send({"type": "lifespan.startup.failed", "message": "see the log"})
            return
        await send({"type": "lifespan.shutdown.complete"})

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        settings = self._settings
        async with contextlib.AsyncExitStack() as stack:
            snapshots = SnapshotWatch(settings.snapshot_path, every_s=settings.snapshot_check_s)
            snapshots.check()
            agent = AgentClient(settings.agent_socket, timeout_s=settings.agent_timeout_s)
            stack.push_async_callback(agent.close)
            instances = Instances(
                agent,
                patience=Patience(
                    fresh_s=settings.instances_fresh_s,
                    queue_wait_s=settings.queue_wait_s,
                    start_wait_s=settings.agent_timeout_s,
                ),
            )
            stack.callback(instances.close)
            catalogue = Catalogue(tier=settings.tier)
            registry = CollectorRegistry()
            ProcessCollector(registry=registry)
            PlatformCollector(registry=registry)
            GCCollector(registry=registry)
            ledger = LedgerLog(
                settings.ledger_folder,
                segment_bytes=settings.ledger_segment_bytes,
                max_bytes=settings.ledger_max_bytes,
            )
            stack.push_async_callback(ledger.close)
            registry.register(
                GatewayGauges(
                    zone=settings.zone, instances=instances, snapshots=snapshots, ledger=ledger
                )
            )
            access_log = AccessLog()
            stack.callback(access_log.flush)
            account = Account([ledger, CallMetrics(registry), access_log])
            record = await self._record(stack)
            limits = RateLimits(
                tenant_per_s=settings.tenant_calls_per_s,
                key_per_s=settings.key_calls_per_s,
                burst_s=settings.burst_s,
            )
            for following in (
                snapshots.run(),
                ledger.run(),
                follow_catalogue(
                    agent=agent, catalogue=catalogue, every_s=settings.catalogue_refresh_s
                ),
            ):
                stack.push_async_callback(_end, asyncio.create_task(following))
            control = ControlEntry(
                zone=settings.zone,
                snapshots=snapshots,
                catalogue=catalogue,
                limits=limits,
                account=account,
                agent=agent,
                instances=instances,
                registry=record,
                bills=await self._accounts(stack),
                max_body_bytes=settings.control_max_body_bytes,
                timeout_s=settings.control_timeout_s,
            )
            health = Health(snapshots=snapshots, catalogue=catalogue, agent=agent, ledger=ledger)
            exposition = Exposition(registry=registry, agent=agent, key=settings.metrics_key_text)
            openapi = OpenApi(
                zone=settings.zone,
                tier=settings.tier,
                agent=agent,
                catalogue=catalogue,
                platform=control.interface(),
            )
            admission = Admission(
                zone=settings.zone,
                snapshots=snapshots,
                catalogue=catalogue,
                limits=limits,
                function_limits=FunctionLimits(burst_s=settings.burst_s),
                room=ledger.room,
            )
            self._routes = Routes(
                own={
                    **dict.fromkeys(Health.PATHS, guarded(health)),
                    **dict.fromkeys(Exposition.PATHS, guarded(exposition)),
                    **dict.fromkeys(OpenApi.PATHS, guarded(openapi)),
                    **dict.fromkeys(ControlEntry.PUBLIC | ControlEntry.PATHS, control),
                },
                control_prefix=ControlEntry.PREFIX,
                control=control,
                functions=InvokePath(
                    zone=settings.zone, admission=admission, instances=instances, account=account
                ),
            )
            self.door = DirectDoor(
                planner=Planner(zone=settings.zone, admission=admission, instances=instances),
                admission=admission,
                account=account,
                ledger=ledger,
            )
            yield
            # No more calls begin this way.
            door, self.door = self.door, None
            door.close()

    async def _record(self, stack: contextlib.AsyncExitStack) -> Registry | None:
        if self._settings.tier != 1 or self._settings.database_url is None:
            return None
        url = self._settings.database_url.get_secret_value()
        return await stack.enter_async_context(
            open_registry(
                url,
                application_name="gridfaas-gateway",
                max_tenant_keys=self._settings.tenant_keys_max,
            )
        )

    async def _accounts(self, stack: contextlib.AsyncExitStack) -> Bills | None:
        settings = self._settings
        if settings.tier != 1 or settings.database_url is None:
            return None
        return await stack.enter_async_context(
            open_bills(
                settings.database_url.get_secret_value(),
                price_lists=read_price_lists(settings.price_lists),
                application_name="gridfaas-usage",
            )
        )


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
