"""The clock_sync worker: a zone's time, kept at its parent's and told over HTTP and SNTP."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from functions.clock_sync.kept_time import KeptTime
from functions.clock_sync.machine_clock import MachineClock, SystemClock
from functions.clock_sync.metrics import ClockMetrics
from functions.clock_sync.parent_poll import ParentPoll
from functions.clock_sync.routes import PROBLEMS, clock_routes
from functions.clock_sync.settings import ClockSettings, read_settings
from functions.clock_sync.sntp_server import SntpServer
from functions.clock_sync.source_rates import SourceRates
from functions.clock_sync.zone_clock import FollowingClock, HeadquartersClock, ZoneClock
from functions.runtime.config import WorkerConfig
from functions.runtime.problem import install_problem_handlers
from functions.runtime.zone_client import NewZoneClient, zone_client

Part = Callable[[], Coroutine[Any, Any, None]]

logger = logging.getLogger(__name__)


class MissingField(ValueError):
    """The worker cannot follow a parent without this field of its configuration."""

    def __init__(self, field: str) -> None:
        super().__init__(f"clock_sync needs {field}")


def create_app(config: WorkerConfig) -> FastAPI:
    """Make the application of one worker; nothing is asked or bound before its lifespan begins.

    Raises:
        MissingField: below headquarters, without a parent or a credential.
        SettingsError: a setting is unknown or wrong.
    """

    def client(base_url: str) -> httpx.AsyncClient:
        credential = _given(config.zone_credential, "zone_credential")
        # A new connection's handshake would count as delay of one way.
        return zone_client(base_url, credential=credential, keepalive_s=120)

    return build_app(config, client=client, machine=SystemClock())


def build_app(config: WorkerConfig, *, client: NewZoneClient, machine: MachineClock) -> FastAPI:
    """As `create_app`, with clients that `client` makes from a base URL and clocks of `machine`."""
    settings = read_settings(config.settings)
    metrics = ClockMetrics(zone=config.zone)
    clock: ZoneClock
    parts: list[Part] = []
    begin: list[Callable[[], None]] = []
    parents: list[httpx.AsyncClient] = []
    poll: ParentPoll | None = None
    if config.tier == 1:
        clock = HeadquartersClock(machine, error_us=settings.headquarters_error_us)
    else:
        clock = following = FollowingClock(
            machine,
            tolerance_ppm=settings.tolerance_ppm,
            max_distance_us=settings.max_distance_s * 1e6,
        )
        parents.append(client(_given(config.parent_url, "parent_url")))
        kept = KeptTime(config.state_dir, machine=machine)
        poll = ParentPoll(
            parent=parents[0], clock=following, kept=kept, settings=settings, metrics=metrics
        )
        begin.append(lambda: kept.restore(following))
        parts.append(poll.run)
    server = _sntp(config, settings=settings, clock=clock, metrics=metrics)
    if server is not None:
        parts.append(server.run)
    running: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for parent in parents:
                await stack.enter_async_context(parent)
            for step in begin:
                step()
            work = asyncio.create_task(_together(parts), name="clock_sync")
            running.append(work)
            work.add_done_callback(_tell_of_end)
            try:
                yield
            finally:
                work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await work

    app = FastAPI(title="GridFaaS clock_sync", version="1", lifespan=lifespan)
    install_problem_handlers(app, PROBLEMS)
    app.include_router(
        clock_routes(
            zone=config.zone,
            clock=clock,
            metrics=metrics,
            most_meters=settings.exchange_meters,
            last_error=lambda: None if poll is None else poll.last_error,
            sntp=lambda: None if server is None else _place(server),
        )
    )

    @app.get("/healthz", include_in_schema=False)
    async def healthz(response: Response) -> dict[str, str]:
        if any(work.done() for work in running):
            response.status_code = 503
            return {"status": "the clock is not kept"}
        return {"status": "ok"}

    @app.get("/metrics", include_in_schema=False)
    async def exposition() -> Response:
        metrics.show(clock.standing())
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app


async def _together(parts: list[Part]) -> None:
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part())
        # At headquarters without SNTP there is nothing to do but to answer.
        group.create_task(asyncio.Event().wait())


def _sntp(
    config: WorkerConfig, *, settings: ClockSettings, clock: ZoneClock, metrics: ClockMetrics
) -> SntpServer | None:
    """Make the SNTP server; without a port of its own it is at the gateway's, in UDP."""
    port = settings.sntp_port
    if port is None:
        port = urlsplit(config.gateway_url).port or 0
    if port == 0:
        return None
    return SntpServer(
        clock=clock,
        rates=SourceRates(
            burst=settings.sntp_burst,
            every_s=settings.sntp_every_s,
            sources=settings.sntp_sources,
        ),
        metrics=metrics,
        host=settings.sntp_host,
        port=port,
    )


def _place(server: SntpServer) -> str | None:
    return None if server.address is None else "{}:{}".format(*server.address)


def _tell_of_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("clock_sync cannot go on", exc_info=error)


def _given(value: str | None, field: str) -> str:
    if not value:
        raise MissingField(field)
    return value
