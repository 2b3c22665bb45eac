"""The workers that are asked: mdms in this process, on the benchmark's own stores."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx

from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.worker_app import worker_app
from functions.mdms.app import create_app
from functions.runtime.config import WorkerConfig

TENANT: Final = "bench"
PASSWORD: Final = "only-for-this-benchmark"


@asynccontextmanager
async def headquarters(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Ask a worker of headquarters."""
    async with _asked(_config(tier=1, zone="zone-1", database_url=database_url)) as client:
        yield client


@asynccontextmanager
async def edge(redis_url: str, *, zone: str) -> AsyncIterator[httpx.AsyncClient]:
    """Ask a worker of an edge."""
    async with _asked(_config(tier=3, zone=zone, redis_url=redis_url)) as client:
        yield client


def require(answered: httpx.Response) -> None:
    """Raise MeasurementFailed unless it is an answer."""
    if answered.status_code != 200:
        raise MeasurementFailed(f"{answered.status_code}: {answered.text[:200]}")


@asynccontextmanager
async def _asked(config: WorkerConfig) -> AsyncIterator[httpx.AsyncClient]:
    async with worker_app(create_app(config), tenant=TENANT) as client:
        yield client


def _config(
    *, tier: int, zone: str, redis_url: str | None = None, database_url: str | None = None
) -> WorkerConfig:
    return WorkerConfig(
        function="mdms",
        app="functions.mdms.app:create_app",
        tenant=TENANT,
        zone=zone,
        tier=tier,
        socket="",
        gateway_url="http://127.0.0.1:9",
        settings={},
        redis_url=redis_url,
        database_url=database_url,
    )
