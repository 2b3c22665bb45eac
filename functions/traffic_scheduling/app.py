"""The traffic_scheduling worker: one link's forwarder, its registry pull, and what they show."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from functions.runtime.config import WorkerConfig
from functions.runtime.problem import ProblemTable, install_problem_handlers
from functions.runtime.zone_client import NewZoneClient, zone_client
from functions.traffic_scheduling.backoff import Backoff
from functions.traffic_scheduling.batching import Batching
from functions.traffic_scheduling.forwarder import Forwarder
from functions.traffic_scheduling.link import Link
from functions.traffic_scheduling.link_cap import CapRule, LinkCap
from functions.traffic_scheduling.metrics import LinkMetrics
from functions.traffic_scheduling.registry_pull import RegistryPull
from functions.traffic_scheduling.schedule import Schedule
from functions.traffic_scheduling.settings import LinkSettings, read_settings
from functions.traffic_scheduling.status import status_of
from functions.traffic_scheduling.tenant_list import follow_tenants
from storage.hot.connection import connect
from storage.hot.uplink import FROM_START, Uplink
from storage.ports import StoreUnavailable

PROBLEMS: ProblemTable = {StoreUnavailable: (503, "store-unavailable")}
MAX_CONNECTIONS = 16

logger = logging.getLogger(__name__)


class MissingField(ValueError):
    """The worker cannot serve a link without this field of its configuration."""

    def __init__(self, field: str) -> None:
        super().__init__(f"traffic_scheduling needs {field}")


def create_app(config: WorkerConfig) -> FastAPI:
    """Make the application of one worker; nothing is connected before its lifespan begins.

    Raises:
        MissingField: no store, parent, gateway or credential is configured.
        SettingsError: a setting is unknown or wrong.
    """
    credential = _given(config.zone_credential, "zone_credential")

    return build_app(config, client=partial(zone_client, credential=credential))


def build_app(config: WorkerConfig, *, client: NewZoneClient) -> FastAPI:
    """As `create_app`, with clients that `client` makes from a base URL."""
    redis_url = _given(config.redis_url, "redis_url")
    parent_url = _given(config.parent_url, "parent_url")
    gateway_url = _given(config.gateway_url, "gateway_url")
    settings = read_settings(config.settings)
    metrics = LinkMetrics(zone=config.zone)
    schedule = _schedule(settings)
    connection = connect(redis_url, max_connections=MAX_CONNECTIONS)
    uplink = Uplink(connection)
    running: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with client(parent_url) as parent, client(gateway_url) as own:
            link = Link(
                parent=parent,
                own=own,
                answer_within_s=settings.answer_within_s,
                moved=metrics.moved,
            )
            work = asyncio.create_task(_work(link), name="the link")
            running.append(work)
            try:
                yield
            finally:
                # Whatever is cut off here was not acknowledged, or is trimmed by the next worker.
                work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await work
                await connection.aclose()

    async def _work(link: Link) -> None:
        forwarder = Forwarder(
            uplink=uplink, link=link, schedule=schedule, settings=settings, metrics=metrics
        )
        pull = RegistryPull(link=link, schedule=schedule, settings=settings, metrics=metrics)
        async with asyncio.TaskGroup() as group:
            group.create_task(
                follow_tenants(link=link, schedule=schedule, every_s=settings.tenants_every_s)
            )
            group.create_task(forwarder.run())
            group.create_task(pull.run())

    app = FastAPI(title="GridFaaS traffic_scheduling", version="1", lifespan=lifespan)
    install_problem_handlers(app, PROBLEMS)

    @app.get("/v1/traffic_scheduling/status", summary="State of the link and what waits for it")
    async def status() -> dict[str, Any]:
        """What waits, how old it is and what was sent, by tenant and class; the cap.

        `link.up` is false while the parent is out of reach.
        """
        return await status_of(config=config, uplink=uplink, schedule=schedule, metrics=metrics)

    @app.get("/healthz", include_in_schema=False)
    async def healthz(response: Response) -> dict[str, str]:
        if any(work.done() for work in running):
            response.status_code = 503
            return {"status": "the link is not served"}
        return {"status": "ok"}

    @app.get("/metrics", include_in_schema=False)
    async def exposition() -> Response:
        with contextlib.suppress(StoreUnavailable):
            await status_of(config=config, uplink=uplink, schedule=schedule, metrics=metrics)
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app


def _schedule(settings: LinkSettings) -> Schedule:
    return Schedule(
        rules=settings.rules(),
        batching=Batching(max_bytes=settings.batch_bytes, max_entries=settings.batch_entries),
        cap=LinkCap(CapRule(bits_per_s=settings.link_bits_per_s), now_s=time.monotonic()),
        share=settings.share,
        tenant_backoff=Backoff(first_s=settings.first_retry_s, longest_s=settings.longest_retry_s),
        link_backoff=Backoff(
            first_s=settings.first_retry_s, longest_s=settings.longest_link_retry_s
        ),
        start=FROM_START,
    )


def _given(value: str | None, field: str) -> str:
    if not value:
        raise MissingField(field)
    return value
