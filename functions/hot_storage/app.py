"""The hot_storage worker: a zone's tiers for all its tenants, and what they show."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import httpx
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from functions.hot_storage.child_answers import ChildAnswers
from functions.hot_storage.metrics import TierMetrics
from functions.hot_storage.parent import Parent, ParentUnreachable
from functions.hot_storage.parts import Parts
from functions.hot_storage.promotion import Promotions
from functions.hot_storage.recall_cache import RecallCache
from functions.hot_storage.recall_desk import RecallDesk
from functions.hot_storage.routes import PROBLEMS, tier_routes
from functions.hot_storage.settings import HotStorageSettings, read_settings
from functions.hot_storage.status import status_of
from functions.hot_storage.tenant_tiers import EveryTenantsTiers
from functions.hot_storage.tier_runs import TierRuns
from functions.hot_storage.zone_tenants import UnknownTenant, ZoneTenants
from functions.runtime.config import WorkerConfig
from functions.runtime.problem import install_problem_handlers
from functions.runtime.zone_client import NewZoneClient, zone_client
from storage.hot.connection import connect
from storage.ports import StoreUnavailable

MAX_CONNECTIONS: Final = 8

logger = logging.getLogger(__name__)


class MissingField(ValueError):
    """The worker cannot serve a zone's tiers without this field of its configuration."""

    def __init__(self, field: str) -> None:
        super().__init__(f"hot_storage needs {field}")


def create_app(config: WorkerConfig) -> FastAPI:
    """Make the application of one worker; nothing is connected before its lifespan begins.

    Raises:
        MissingField: no store, parent, gateway or credential is configured.
        SettingsError: a setting is unknown or wrong.
    """
    credential = _given(config.zone_credential, "zone_credential")

    def client(base_url: str) -> httpx.AsyncClient:
        return zone_client(base_url, credential=credential)

    return build_app(config, client=client)


def build_app(
    config: WorkerConfig, *, client: NewZoneClient, clock: Callable[[], float] = time.time
) -> FastAPI:
    """As `create_app`, with clients that `client` makes, and the time by `clock`."""
    settings = read_settings(config.settings)
    metrics = TierMetrics(zone=config.zone)
    connection = connect(_given(config.redis_url, "redis_url"), max_connections=MAX_CONNECTIONS)
    above = client(_given(config.parent_url, "parent_url"))
    own = client(_given(config.gateway_url, "gateway_url"))
    parent = Parent(
        above, tier=config.tier, within_s=settings.recall_within_s, rest_s=settings.rest_s
    )
    tenants = ZoneTenants(own)
    tiers = EveryTenantsTiers(
        connection, zone=config.zone, tenants=tenants, settings=settings, clock=clock
    )
    promotions = Promotions(
        tiers=tiers, tenants=tenants, parent=parent, counts=metrics, clock=clock
    )
    cache = RecallCache(
        max_bytes=settings.cache_bytes,
        keep_s=settings.keep_s,
        keep_absent_s=settings.keep_absent_s,
    )
    desk = RecallDesk(
        parent=parent,
        cache=cache,
        copies=promotions,
        counts=metrics,
        zone=config.zone,
        together=settings.together,
        clock=clock,
    )
    parts = Parts(
        zone=config.zone,
        replication=settings.replication,
        parent=parent,
        tenants=tenants,
        tiers=tiers,
        desk=desk,
        children=ChildAnswers(tiers=tiers, desk=desk, zone=config.zone),
        promotions=promotions,
        runs=TierRuns(
            connection,
            tiers=tiers,
            tenants=tenants,
            record=parent,
            settings=settings,
            metrics=metrics,
            clock=clock,
        ),
        metrics=metrics,
    )
    running: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(connection.aclose)
            for each in (above, own):
                await stack.enter_async_context(each)
            stack.push_async_callback(desk.close)
            await tenants.ask()
            task = asyncio.create_task(_work(parts, settings), name="hot_storage")
            running.append(task)
            task.add_done_callback(_tell_of_end)
            try:
                yield
            finally:
                # A demotion that is cut off here has dropped what was proven, and nothing else.
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                with contextlib.suppress(StoreUnavailable):
                    await tiers.keep_books()

    app = FastAPI(title="GridFaaS hot_storage", version="1", lifespan=lifespan)
    install_problem_handlers(app, PROBLEMS)
    app.include_router(tier_routes(parts))

    @app.get("/healthz", include_in_schema=False)
    async def healthz(response: Response) -> dict[str, str]:
        if any(work.done() for work in running):
            response.status_code = 503
            return {"status": "the tiers are not kept"}
        return {"status": "ok"}

    @app.get("/metrics", include_in_schema=False)
    async def exposition() -> Response:
        metrics.cache(cache.bytes)
        # Without an answer the last figures stand: metrics must not wait for the store.
        with contextlib.suppress(StoreUnavailable, TimeoutError, UnknownTenant):
            async with asyncio.timeout(1.0):
                for tenant in tenants.slugs:
                    await status_of(parts, tenant)
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app


async def _work(parts: Parts, settings: HotStorageSettings) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(parts.tenants.run(every_s=settings.tenants_every_s))
        group.create_task(parts.runs.run())
        group.create_task(_keep_books(parts, every_s=settings.history_every_s))
        group.create_task(_compare(parts, every_s=settings.compare_every_s))


async def _keep_books(parts: Parts, *, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        with contextlib.suppress(StoreUnavailable):
            await parts.tiers.keep_books()


async def _compare(parts: Parts, *, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        for tenant in parts.tenants.slugs:
            # A parent out of reach leaves copies as they are; answers tell their age.
            with contextlib.suppress(StoreUnavailable, ParentUnreachable, UnknownTenant):
                await parts.promotions.compare(tenant)


def _tell_of_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("hot_storage cannot go on", exc_info=error)
        # A worker that keeps no tiers is worse than none: the agent starts another one.
        os.kill(os.getpid(), signal.SIGTERM)


def _given(value: str | None, field: str) -> str:
    if not value:
        raise MissingField(field)
    return value
