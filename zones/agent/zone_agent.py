"""The agent's parts put together, and their life from start to end."""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from storage.cold.engine import create_engine
from storage.hot.acl import MESSAGING_USER
from storage.hot.connection import HotConnection, connect
from storage.platform.functions.spec import FunctionSpec
from storage.platform.registry import Registry
from storage.platform.snapshot import TenantEntry
from zones.agent.containers import choose_providers
from zones.agent.deployments.bundle_source import BundleSource, ParentBundles, RecordBundles
from zones.agent.deployments.depot import BundleDepot
from zones.agent.deployments.keeper import DeploymentKeeper
from zones.agent.deployments.passage import open_to_workers
from zones.agent.descriptions import Descriptions
from zones.agent.function_logs import FunctionLogs
from zones.agent.functions import ZoneFunctions
from zones.agent.ledger_figures import LedgerFigures
from zones.agent.ledger_shipper import LedgerShipper
from zones.agent.ledger_sinks import LedgerSink, ParentSink, RecordSink
from zones.agent.local_keys import LocalKeys
from zones.agent.metrics import AgentMetrics
from zones.agent.parent_client import parent_client
from zones.agent.pool import WorkerPool
from zones.agent.queue_walls import QueueWalls
from zones.agent.service_secrets import ServiceSecrets
from zones.agent.settings import AgentSettings
from zones.agent.snapshot_feed import SnapshotFeed
from zones.agent.snapshot_source import ParentSource, RecordSource, SnapshotSource
from zones.agent.starting import Starter
from zones.agent.storage_samples import StorageSampler
from zones.agent.store_figures import StoreFigures, cold_figures, hot_figures
from zones.agent.tiering_walls import TIERING_SERVICE, TieringWalls
from zones.agent.waiting_work import WaitingWork
from zones.agent.wall_keeper import WallKeeper
from zones.agent.walls import ColdWalls, HotWalls, Walls
from zones.agent.worker_config import OrderDesk
from zones.agent.worker_scrape import WorkerScrape
from zones.providers.port import Ended, Event, Provider
from zones.providers.process import ProcessProvider

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneAgent:
    """What the control API asks."""

    settings: AgentSettings
    functions: ZoneFunctions
    feed: SnapshotFeed
    walls: WallKeeper
    queues: WallKeeper
    provider: Provider
    pool: WorkerPool
    metrics: AgentMetrics
    scrape: WorkerScrape
    descriptions: Descriptions
    ledger: LedgerSink
    depot: BundleDepot
    deployments: DeploymentKeeper
    logs: FunctionLogs

    def checks(self) -> dict[str, bool]:
        """Say what is there and what is not; ready means all of it."""
        return {
            "snapshot": self.feed.current is not None,
            "walls": self.feed.current is not None and self.walls.done and self.queues.done,
            "zygote": self.provider.up,
            "minimum_instances": self.feed.current is not None and self.pool.minimum_ready,
        }


@contextlib.asynccontextmanager
async def running_agent(
    settings: AgentSettings,
    *,
    catalogue: Mapping[str, FunctionSpec],
    failed: Callable[[], None],
) -> AsyncIterator[ZoneAgent]:
    """Run an agent for the length of a `with` block; workers end before it does.

    `failed` is called when a part ends by an error that it should have survived.

    Raises:
        SettingsError: the agent cannot start.
    """
    async with contextlib.AsyncExitStack() as stack:
        credential = settings.secret("zone_credential")
        redis_url = settings.secret("redis_url")
        admin = connect(redis_url, max_connections=2)
        stack.push_async_callback(admin.aclose)
        source, walls, stores, sink, bundles = await _stores(settings, stack, admin, credential)
        open_to_workers(settings.state_dir, passable=settings.deployments_folder.name)
        depot = BundleDepot(
            settings.deployments_folder, bundles, to_other_accounts=settings.docker_tenant_uids
        )
        stack.push_async_callback(depot.close)
        deployments = DeploymentKeeper(
            depot,
            tier=settings.tier,
            snapshot=lambda: feed.current,
            taken=catalogue.keys(),
            changed=lambda: pool.poke(),
        )
        functions = ZoneFunctions(
            catalogue,
            tier=settings.tier,
            deployed=deployments,
            tenants=lambda: feed.tenants,
            service_settings=settings.service_settings,
            service_secrets=ServiceSecrets(settings.secrets_dir).of,
        )
        metrics = AgentMetrics(zone=settings.zone)
        shipper = LedgerShipper(
            settings.ledger_folder,
            zone=settings.zone,
            sink=sink,
            figures=LedgerFigures(metrics.registry),
            every_s=settings.ledger_every_s,
        )
        for store in stores:
            metrics.registry.register(store)
        provider = choose_providers(
            settings,
            process=ProcessProvider(functions=settings.functions_dir),
            in_force=lambda: deployments.in_force,
        )

        def tenants() -> Mapping[str, TenantEntry] | None:
            return feed.tenants

        def renewed() -> None:
            local_keys.settle((tenants() or {}).keys())
            keeper.poke()
            deployments.poke()

        local_keys = LocalKeys(
            settings.state_dir, shared_dir=settings.shared_dir, zone=settings.zone
        )
        logs = FunctionLogs(settings.logs_folder)
        stack.callback(logs.close)
        feed = SnapshotFeed(path=settings.snapshot_path, source=source, changed=renewed)
        keeper = WallKeeper(walls, tenants=tenants)
        # A keeper of its own: at headquarters queues are in another store than the record.
        queues = WallKeeper(
            QueueWalls(redis_url=redis_url, admin=admin, state_dir=settings.state_dir),
            tenants=frozenset,
        )
        tiering = WallKeeper(
            TieringWalls(redis_url=redis_url, admin=admin, state_dir=settings.state_dir),
            tenants=frozenset,
        )
        desk = OrderDesk(
            settings=settings,
            zone_credential=credential,
            tenants=tenants,
            walls=keeper,
            logins={MESSAGING_USER: queues, TIERING_SERVICE: tiering},
            service_key=local_keys.of,
            uid_per_tenant=os.geteuid() == 0,
        )
        scrape = WorkerScrape(groups=lambda: pool.groups, metrics=metrics)
        pool = WorkerPool(
            provider=provider,
            starter=Starter(provider=provider, desk=desk, logs=logs),
            metrics=metrics,
            expected=lambda: functions.always_up(feed.current),
            current=functions.current,
            last_words=scrape.ask,
        )

        def deliver(event: Event) -> None:
            pool.deliver(event)
            if isinstance(event, Ended):
                logs.ended(event.instance, f"{event.reason} ({event.detail})")

        feed.load()
        await provider.open(deliver)
        stack.push_async_callback(provider.close)
        stack.push_async_callback(pool.close)
        descriptions = Descriptions(provider)
        stack.push_async_callback(descriptions.close)
        samplers = [
            StorageSampler(
                settings.ledger_folder,
                zone=settings.zone,
                store=store.store,
                measure=store.measure,
                tenants=tenants,
            )
            for store in stores
        ]
        waiting_work = WaitingWork(
            admin,
            catalogue=catalogue.values(),
            tier=settings.tier,
            functions=functions,
            pool=pool,
            tenants=tenants,
        )
        for part in (
            *(sampler.run for sampler in samplers),
            *(feed.run, keeper.run, deployments.run, pool.run),
            *(() if settings.tier == 1 else (tiering.run, waiting_work.run)),
            *(queues.run, scrape.run, shipper.run, *(store.run for store in stores)),
        ):
            await stack.enter_async_context(_running(part, failed=failed))
        yield ZoneAgent(
            settings=settings,
            functions=functions,
            feed=feed,
            walls=keeper,
            queues=queues,
            provider=provider,
            pool=pool,
            metrics=metrics,
            scrape=scrape,
            descriptions=descriptions,
            ledger=sink,
            depot=depot,
            deployments=deployments,
            logs=logs,
        )


async def _stores(
    settings: AgentSettings, stack: contextlib.AsyncExitStack, admin: HotConnection, credential: str
) -> tuple[SnapshotSource, Walls, list[StoreFigures], LedgerSink, BundleSource]:
    """Make what speaks to the zone's stores and its parent; `admin` is Redis' administrator."""
    hot_store = hot_figures(admin)
    if settings.tier == 1:
        database_url = settings.secret("database_url")
        engine = create_engine(database_url, application_name=f"gridfaas-agent {settings.zone}")
        stack.push_async_callback(engine.dispose)
        cold = ColdWalls(database_url=database_url, engine=engine, state_dir=settings.state_dir)
        registry = Registry(engine)
        source = RecordSource(registry, zone=settings.zone)
        record = RecordSink(registry.ledger)
        held = RecordBundles(registry.functions)
        return source, cold, [cold_figures(engine), hot_store], record, held
    parent_url = settings.required_parent_url()
    http = await stack.enter_async_context(parent_client())
    redis_url = settings.secret("redis_url")
    hot = HotWalls(redis_url=redis_url, admin=admin, state_dir=settings.state_dir)
    parent = ParentSource(http, parent_url=parent_url, credential=credential)
    sink = ParentSink(http, parent_url=parent_url, credential=credential)
    above = ParentBundles(http, parent_url=parent_url, credential=credential)
    return parent, hot, [hot_store], sink, above


@contextlib.asynccontextmanager
async def _running(
    part: Callable[[], Awaitable[None]], *, failed: Callable[[], None]
) -> AsyncIterator[None]:
    async def supervised() -> None:
        try:
            await part()
        except Exception:  # the edge of a task that must not end
            logger.critical("the agent cannot go on", exc_info=True)
            failed()

    task = asyncio.create_task(supervised())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
