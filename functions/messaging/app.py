"""The messaging worker: a zone's queued calls, topics, schedules and callbacks."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from functions.messaging.bridge_routes import bridge_routes
from functions.messaging.call_routes import call_routes
from functions.messaging.deployments import Deployments
from functions.messaging.errors import PROBLEMS
from functions.messaging.gateway_calls import GatewayCalls
from functions.messaging.key_routes import key_routes
from functions.messaging.letter_routes import letter_routes
from functions.messaging.listeners import Listeners
from functions.messaging.metrics import MessagingMetrics
from functions.messaging.parts import Parts
from functions.messaging.runner import Runner
from functions.messaging.schedule_clock import ScheduleClock
from functions.messaging.settings import read_settings
from functions.messaging.signing_keys import SigningKeys
from functions.messaging.telling import Telling
from functions.messaging.topic_feed import TopicFeed
from functions.messaging.topic_routes import topic_routes
from functions.runtime.config import WorkerConfig
from functions.runtime.http_line import Place
from functions.runtime.problem import install_problem_handlers
from functions.runtime.tls import client_context
from functions.runtime.zone_client import zone_client
from storage.hot.connection import connect
from storage.hot.queues.bridges import Bridges
from storage.hot.queues.calls import CallQueue
from storage.hot.queues.letters import DeadLetters
from storage.hot.queues.schedules import Schedules
from storage.hot.queues.topics import Topics
from storage.ports import StoreFull, StoreUnavailable

MAX_CONNECTIONS = 16
MAX_BODY_BYTES = 1024 * 1024

logger = logging.getLogger(__name__)


class MissingField(ValueError):
    """The worker cannot serve without this field of its configuration."""

    def __init__(self, field: str) -> None:
        super().__init__(f"messaging needs {field}")


def create_app(config: WorkerConfig) -> FastAPI:
    """Make the application of one worker; nothing is connected before its lifespan begins.

    Raises:
        MissingField: no store, gateway or credential is configured.
        SettingsError: a setting is unknown or wrong.
    """
    redis_url = _given(config.redis_url, "redis_url")
    credential = _given(config.zone_credential, "zone_credential")
    gateway_url = _given(config.gateway_url, "gateway_url")
    settings = read_settings(config.settings)
    metrics = MessagingMetrics(zone=config.zone)
    connection = connect(redis_url, max_connections=MAX_CONNECTIONS)

    own = zone_client(gateway_url, credential=credential)
    parent = None
    if config.parent_url is not None:
        parent = zone_client(config.parent_url, credential=credential)
    # Callbacks leave the platform: they carry no credential of it.
    outward = httpx.AsyncClient(
        trust_env=False,
        verify=client_context(),
        follow_redirects=False,
        # By address: a kept connection may have been verified for another name there.
        limits=httpx.Limits(max_keepalive_connections=0),
    )
    queue, topics = CallQueue(connection), Topics(connection, retention=settings.retention)
    keys = SigningKeys(connection, parent=parent)
    gateway = GatewayCalls(
        Place.of(gateway_url, tls=client_context()),
        credential=credential,
        max_body=settings.result_bytes,
    )
    deployments = Deployments(
        own, every_s=settings.deployments_every_s, changed=lambda: feed.poke()
    )
    runner = Runner(
        queue=queue,
        gateway=gateway,
        telling=Telling(client=outward, queue=queue, keys=keys, settings=settings, metrics=metrics),
        deployments=deployments,
        settings=settings,
        metrics=metrics,
    )
    feed = TopicFeed(
        tier=config.tier,
        topics=topics,
        deployments=deployments,
        settings=settings,
        metrics=metrics,
        queued=runner.poke,
    )
    clock = ScheduleClock(
        tier=config.tier,
        schedules=Schedules(connection),
        deployments=deployments,
        settings=settings,
        metrics=metrics,
        queued=runner.poke,
    )
    parts = Parts(
        tier=config.tier,
        settings=settings,
        max_body_bytes=MAX_BODY_BYTES,
        queue=queue,
        letters=DeadLetters(connection),
        topics=topics,
        bridges=Bridges(
            connection,
            zone=config.zone,
            retention=settings.retention,
            waiting_bytes=settings.bridge_bytes,
        ),
        deployments=deployments,
        runner=runner,
        feed=feed,
        listeners=Listeners(topics, settings=settings),
        keys=keys,
        metrics=metrics,
    )
    running: list[asyncio.Task[None]] = []

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(deployments.run(), name="deployments")
            group.create_task(runner.run(), name="calls")
            group.create_task(feed.run(), name="topics")
            group.create_task(clock.run(), name="schedules")
            group.create_task(
                keys.run(lambda: deployments.tenants, every_s=settings.keys_every_s), name="keys"
            )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(connection.aclose)
            stack.callback(gateway.close)
            for each in (own, outward, *([] if parent is None else [parent])):
                await stack.enter_async_context(each)
            task = asyncio.create_task(work(), name="messaging")
            running.append(task)
            task.add_done_callback(_tell_of_end)
            try:
                yield
            finally:
                # What is cut off here is under a lease, which is given back or ends by itself.
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    app = FastAPI(title="GridFaaS messaging", version="1", lifespan=lifespan)
    install_problem_handlers(app, PROBLEMS)
    for routes in (call_routes, topic_routes, bridge_routes, letter_routes, key_routes):
        app.include_router(routes(parts))

    @app.get("/healthz", include_in_schema=False)
    async def healthz(response: Response) -> dict[str, str]:
        if any(task.done() for task in running):
            response.status_code = 503
            return {"status": "the queues are not served"}
        return {"status": "ok"}

    @app.get("/metrics", include_in_schema=False)
    async def exposition() -> Response:
        with contextlib.suppress(StoreUnavailable, StoreFull):
            await _show_waiting(parts)
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app


async def _show_waiting(parts: Parts) -> None:
    parts.metrics.clear_open()
    for tenant in {*await parts.queue.tenants(), *parts.deployments.tenants}:
        parts.metrics.waits(
            tenant,
            open_calls=await parts.queue.waiting(tenant),
            oldest_s=await parts.queue.oldest_due_s(tenant),
            letters=await parts.letters.count(tenant),
        )


def _tell_of_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("messaging cannot go on", exc_info=error)
        # A worker that serves no queue is worse than none: the agent starts another one.
        os.kill(os.getpid(), signal.SIGTERM)


def _given(value: str | None, field: str) -> str:
    if not value:
        raise MissingField(field)
    return value
