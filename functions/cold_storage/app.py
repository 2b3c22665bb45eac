"""The cold_storage worker: one tenant's record at headquarters, for the zones below."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from functions.cold_storage.metrics import ColdMetrics
from functions.cold_storage.routes import recall_routes
from functions.cold_storage.settings import read_settings
from functions.cold_storage.tier_routes import NoSuchLength, tier_routes
from functions.runtime.config import WorkerConfig
from functions.runtime.problem import ProblemTable, install_problem_handlers
from functions.runtime.request import NoCaller
from functions.runtime.zone_route import ZonesOnly
from storage.cold.codec import BlockDamaged
from storage.cold.pool import Pool, open_pool
from storage.cold.tier_figures import archive_figures
from storage.model.recall import RecallUnreadable
from storage.ports import StoreUnavailable

PROBLEMS: ProblemTable = {
    NoCaller: (401, "unauthenticated"),
    ZonesOnly: (403, "forbidden"),
    RecallUnreadable: (400, "malformed-body"),
    NoSuchLength: (400, "malformed-request"),
    BlockDamaged: (500, "block-damaged"),
    StoreUnavailable: (503, "store-unavailable"),
}
ARCHIVE_WITHIN_S = 0.5


class MissingField(ValueError):
    """The worker cannot serve a record without this field of its configuration."""

    def __init__(self, field: str) -> None:
        super().__init__(f"cold_storage needs {field}")


def create_app(config: WorkerConfig) -> FastAPI:
    """Make the application of one worker; nothing is connected before its lifespan begins.

    Raises:
        MissingField: no database is configured.
        SettingsError: a setting of the tenant's is unknown or wrong.
    """
    if config.database_url is None:
        raise MissingField("database_url")
    database_url = config.database_url
    settings = read_settings(config.settings)
    metrics = ColdMetrics(tenant=config.tenant, zone=config.zone)
    opened: list[Pool] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with open_pool(database_url) as pool:
            opened.append(pool)
            yield

    app = FastAPI(title="GridFaaS cold_storage", version="1", lifespan=lifespan)
    install_problem_handlers(app, PROBLEMS)
    app.include_router(recall_routes(lambda: opened[0], zone=config.zone, metrics=metrics))
    app.include_router(tier_routes(lambda: opened[0], settings, zone=config.zone, metrics=metrics))

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics", include_in_schema=False)
    async def exposition() -> Response:
        # Without an answer the last figures stand: metrics must not wait for the store.
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(ARCHIVE_WITHIN_S):
                metrics.archive(await archive_figures(opened[0]))
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app
