"""The MQTT intake's worker: one tenant's readings from the broker to mdms, and how that goes."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from functions.mqtt_intake.broker import read_broker
from functions.mqtt_intake.handing_over import MAX_ANSWER_BYTES, HandingOver
from functions.mqtt_intake.intake import Intake
from functions.mqtt_intake.metrics import IntakeMetrics
from functions.mqtt_intake.settings import read_settings
from functions.runtime.config import WorkerConfig
from functions.runtime.http_line import Place
from functions.runtime.http_lines import HttpLines
from functions.runtime.problem import install_problem_handlers
from functions.runtime.tls import client_context

STATUS_EXAMPLE = {
    "tenant": "acme",
    "zone": "zone-3a",
    "broker": "broker.acme.example:8883",
    "tls": True,
    "topic": "gridfaas/acme/readings",
    "connected": True,
    "last_error": None,
}

logger = logging.getLogger(__name__)


class MissingField(ValueError):
    """The worker cannot take readings without this field of its configuration."""

    def __init__(self, field: str) -> None:
        super().__init__(f"mqtt_intake needs {field}")


def create_app(config: WorkerConfig) -> FastAPI:
    """Make the application of one worker; secrets are read when its lifespan begins.

    Raises:
        SettingsError: a setting is unknown or wrong. Then, when the lifespan begins:
        MissingField: no key is configured.
        BadBroker: a secret is missing or cannot be used.
    """
    settings = read_settings(config.settings)
    metrics = IntakeMetrics(tenant=config.tenant, zone=config.zone)
    running: list[tuple[Intake, asyncio.Task[None]]] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if not config.service_key:
            raise MissingField("service_key")
        lines = HttpLines(
            Place.of(config.gateway_url, tls=client_context()), max_body=MAX_ANSWER_BYTES
        )
        intake = Intake(
            read_broker(config.secrets),
            tenant=config.tenant,
            zone=config.zone,
            handing_over=HandingOver(lines, key=config.service_key, settings=settings),
            settings=settings,
            metrics=metrics,
        )
        task = asyncio.create_task(intake.run(), name="MQTT intake")
        task.add_done_callback(_tell_of_end)
        running.append((intake, task))
        try:
            yield
        finally:
            # What is cut off here was not acknowledged: the broker sends it again.
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            lines.close()

    app = FastAPI(title="GridFaaS mqtt_intake", version="1", lifespan=lifespan)
    install_problem_handlers(app, {})

    @app.get(
        "/v1/mqtt_intake/status",
        summary="Whether readings come by MQTT",
        responses={200: {"content": {"application/json": {"example": STATUS_EXAMPLE}}}},
    )
    async def status() -> dict[str, Any]:
        """`last_error` is why there is no connection; null while there is one."""
        [(intake, _)] = running
        return {
            "tenant": config.tenant,
            "zone": config.zone,
            "broker": intake.broker.address,
            "tls": intake.broker.tls is not None,
            "topic": intake.topic,
            "connected": intake.connected,
            "last_error": intake.last_error,
        }

    @app.get("/healthz", include_in_schema=False)
    async def healthz(response: Response) -> dict[str, str]:
        if any(task.done() for _, task in running):
            response.status_code = 503
            return {"status": "no messages are taken"}
        return {"status": "ok"}

    @app.get("/metrics", include_in_schema=False)
    async def exposition() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app


def _tell_of_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("mqtt_intake cannot go on", exc_info=error)
        # A worker that takes nothing is worse than none: the agent starts another one.
        os.kill(os.getpid(), signal.SIGTERM)
