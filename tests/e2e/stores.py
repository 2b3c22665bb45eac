"""What the zones' stores hold at this moment, read past everything that the platform would say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import redis.asyncio

from storage.hot.uplink import queue_keys
from storage.model.traffic import UPLINK_QUEUES
from tests.e2e.lab import Lab

PAUSE_S = 0.02
RECORD_LOGIN = "gridfaas-record"


def schema(tenant: str) -> str:
    """Where a tenant's record is."""
    return "t_" + tenant.replace("-", "_")


@asynccontextmanager
async def hot_store(lab: Lab, zone: str) -> AsyncIterator[Any]:
    """The zone's Valkey, as its administrator."""
    async with redis.asyncio.Redis.from_url(lab.running.stores.redis_urls[zone]) as client:
        yield client


@asynccontextmanager
async def cold_store(lab: Lab) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """PostgreSQL, as its administrator."""
    connection = await asyncpg.connect(
        lab.running.stores.database_url, timeout=20, command_timeout=30
    )
    try:
        yield connection
    finally:
        connection.terminate()


async def waiting_above(lab: Lab, zone: str) -> int:
    """How many entries wait for the zone's parent, over all tenants."""
    async with hot_store(lab, zone) as client:
        return sum(
            [
                await client.xlen(queue_keys(tenant, queue)[0])
                for tenant in lab.tenants
                for queue in UPLINK_QUEUES
            ]
        )


async def waiting_to_be_folded(lab: Lab) -> int:
    """How many entries the live tails at headquarters hold."""
    async with cold_store(lab) as connection:
        counts = [
            await connection.fetchval(f'SELECT coalesce(sum(entries), 0) FROM "{schema(t)}".tail')
            for t in lab.tenants
        ]
        return int(sum(counts))


async def drained(lab: Lab) -> None:
    """Return when nothing is on its way up any more and every tail is folded."""
    # From the edges up, so that nothing can pass the eye on its way.
    upwards = list(lab.links)[::-1]
    while True:
        try:
            waiting = [await waiting_above(lab, zone) for zone in upwards]
            if not any(waiting) and not await waiting_to_be_folded(lab):
                return
        except (OSError, TimeoutError, asyncpg.PostgresError, redis.exceptions.RedisError):
            pass
        await asyncio.sleep(0.2)
