"""The mdms worker: raw routes for readings, FastAPI for the rest, over one zone's backing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from functions.mdms.aggregate_routes import aggregate_routes
from functions.mdms.consumption_routes import consumption_routes
from functions.mdms.edge_backing import edge_backing
from functions.mdms.edit_downlink_routes import edit_downlink_routes
from functions.mdms.edit_routes import edit_routes
from functions.mdms.estimation_routes import estimation_routes
from functions.mdms.event_routes import event_routes
from functions.mdms.exception_routes import exception_routes
from functions.mdms.finding_routes import finding_routes
from functions.mdms.history_routes import history_routes
from functions.mdms.hot_routes import HotRoutes, Scope
from functions.mdms.metrics import MdmsMetrics
from functions.mdms.openapi import raw_routes
from functions.mdms.period_routes import period_routes
from functions.mdms.ports import Backing
from functions.mdms.problems import PROBLEMS, UNFORESEEN
from functions.mdms.record_backing import record_backing
from functions.mdms.register_estimate_routes import register_estimate_routes
from functions.mdms.request_body import Receive, header_map
from functions.mdms.routes import routes
from functions.mdms.rule_group_routes import rule_group_routes
from functions.mdms.settings import MdmsSettings, read_settings
from functions.mdms.time_of_use_routes import time_of_use_routes
from functions.mdms.validation_routes import validation_routes
from functions.mdms.zone_routes import LinkRoutesOnly, check_zone_route
from functions.runtime.config import WorkerConfig
from functions.runtime.problem import (
    Send,
    install_problem_handlers,
    problem_of,
    problem_response,
    send_problem,
)
from functions.runtime.whole_call import Reply, WholeCall
from storage.ports import StoreUnavailable

RECORD_TIER = 1
REGISTRY_WITHIN_S: Final = 0.5


def _unforeseen(request: Request, _: Exception) -> Response:
    # Starlette raises the error on, so the server logs it.
    request_id = request.headers.get("x-request-id", "")
    return problem_response(UNFORESEEN, request_id=request_id)


class _Api(FastAPI):
    """FastAPI that also describes the raw routes."""

    def openapi(self) -> dict[str, Any]:
        described = super().openapi()
        raw = raw_routes()
        for path, operations in raw["paths"].items():
            described["paths"].setdefault(path, {}).update(operations)
        schemas = described.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(raw["components"]["schemas"])
        return described


class MdmsApp:
    """The ASGI application of one worker; `open_backing` is entered with the lifespan."""

    def __init__(
        self,
        *,
        settings: MdmsSettings,
        metrics: MdmsMetrics,
        open_backing: Callable[[], AbstractAsyncContextManager[Backing]],
    ) -> None:
        self._backing: Backing | None = None
        self._hot: HotRoutes | None = None

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            async with open_backing() as backing:
                self._backing = backing
                self._hot = HotRoutes(
                    tier=backing.tier,
                    max_body_bytes=settings.max_body_bytes,
                    max_decoded_bytes=settings.max_decoded_bytes,
                    metrics=metrics,
                    ingest=backing.ingest,
                    keep=backing.keep,
                )
                yield

        self._api = _Api(title="GridFaaS mdms", version="1", lifespan=lifespan)
        install_problem_handlers(self._api, PROBLEMS)
        self._api.add_exception_handler(Exception, _unforeseen)
        self._api.include_router(routes(self._opened, settings))
        self._api.include_router(period_routes(self._opened, settings))
        self._api.include_router(aggregate_routes(self._opened, settings))
        self._api.include_router(time_of_use_routes(self._opened, settings))
        self._api.include_router(validation_routes(self._opened, settings))
        self._api.include_router(rule_group_routes(self._opened, settings))
        self._api.include_router(finding_routes(self._opened))
        self._api.include_router(edit_downlink_routes(self._opened, settings))
        self._api.include_router(event_routes(self._opened, settings))
        for desk_router in (
            estimation_routes,
            exception_routes,
            edit_routes,
            history_routes,
            consumption_routes,
        ):
            self._api.include_router(desk_router(self._opened, settings))
        self._api.include_router(register_estimate_routes(self._opened))
        self._add_own_routes(metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request on its raw route, everything else by FastAPI."""
        hot = self._hot
        if hot is not None and scope["type"] == "http" and hot.serves(scope):
            await hot(scope, receive, send)
            return
        if scope["type"] == "http":
            try:
                check_zone_route(scope["path"], scope["headers"])
            except LinkRoutesOnly as error:
                problem = problem_of(error, PROBLEMS)
                assert problem is not None
                request_id = header_map(scope["headers"]).get(b"x-request-id", b"")
                await send_problem(send, problem, request_id=request_id.decode("latin-1"))
                return
        await self._api(scope, receive, send)

    def take_whole(self, call: WholeCall, reply: Reply) -> bool:
        """Take a call that came whole, if it is for a raw route that answers such ones."""
        return self._hot is not None and self._hot.take_whole(call, reply)

    def _opened(self) -> Backing:
        if self._backing is None:
            raise RuntimeError("the application serves requests before its lifespan has begun")
        return self._backing

    def _add_own_routes(self, metrics: MdmsMetrics) -> None:
        @self._api.get("/healthz", include_in_schema=False)
        async def healthz() -> dict[str, str]:
            return {"status": "ok"}

        @self._api.get("/metrics", include_in_schema=False)
        async def exposition() -> Response:
            # Without an answer the last version stands: metrics must not wait for the store.
            with suppress(StoreUnavailable, TimeoutError):
                async with asyncio.timeout(REGISTRY_WITHIN_S):
                    backing = self._opened()
                    metrics.registry_version(await backing.book.version())
                    if backing.held_bytes is not None:
                        metrics.memory(await backing.held_bytes())
                    if backing.validation is not None:
                        entries, size = await backing.validation.backlog()
                        metrics.validation_waits(entries=entries, size=size)
            return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def create_app(config: WorkerConfig) -> MdmsApp:
    """Make the application of one worker; nothing is connected before its lifespan begins.

    Raises:
        SettingsError: a setting of the tenant's is unknown or wrong.
    """
    settings = read_settings(config.settings)
    metrics = MdmsMetrics(tenant=config.tenant, zone=config.zone)
    if config.tier > RECORD_TIER:
        metrics.uplink_limit(settings.uplink_limit_bytes)
        metrics.memory_limit(settings.memory_limit_bytes)

    def open_backing() -> AbstractAsyncContextManager[Backing]:
        if config.tier == RECORD_TIER:
            return record_backing(config, settings, metrics)
        return edge_backing(config, settings, metrics)

    return MdmsApp(settings=settings, metrics=metrics, open_backing=open_backing)
