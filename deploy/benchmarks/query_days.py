"""One meter's day, as it is asked for: the last one at the edge, one a year ago at headquarters."""

import asyncio
import os
import statistics
import time
from pathlib import Path
from typing import Final

import httpx
import numpy as np

from deploy.benchmarks import query_load
from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.query_dates import Dates, instant_text
from deploy.benchmarks.query_load import Fleet
from deploy.benchmarks.query_worker import PASSWORD, TENANT, edge, headquarters, require
from deploy.benchmarks.step import DAY_S, INTERVAL_S, REGISTER, SLOTS, meter_name
from deploy.servers.postgres import PostgresServer
from deploy.servers.valkey import running_valkey
from storage.hot.acl import provision_tenant as provision_hot
from storage.hot.connection import connect as connect_hot
from storage.hot.library import install
from storage.hot.store import RedisHotStore

READS: Final = 200
_ZONE: Final = "zone-3a"
_METERS: Final = 100


async def cold_day(server: PostgresServer, url: str, dates: Dates) -> dict[str, float]:
    """The first read finds nothing in PostgreSQL's memory nor the system's; the second does."""
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(_forget, server.state_dir / "data")
    await asyncio.to_thread(server.start)
    async with headquarters(url) as client:
        # Another meter first: the worker's connection and its statements are not the question.
        await _read_day(client, meter_name(1), dates.first)
        name = meter_name(0)
        return {
            "first": await _read_day(client, name, dates.a_year_ago),
            "second": await _read_day(client, name, dates.a_year_ago),
        }


async def hot_day(folder: Path, dates: Dates) -> dict[str, float]:
    """p50 and p95 of the last day of a meter, at the edge."""
    last = dates.first + dates.days - 1
    fleet = Fleet(meters=_METERS)
    values = fleet.values(last)
    with running_valkey(folder / "kv", folder / "run") as valkey:
        await install(valkey.url)
        url = await provision_hot(valkey.url, TENANT, password=PASSWORD)
        connection = connect_hot(url)
        try:
            store = RedisHotStore(connection, slug=TENANT, zone=_ZONE, uplink_limit_bytes=1 << 30)
            names = [meter_name(number) for number in range(fleet.meters)]
            for slot in range(SLOTS):
                await store.accept(query_load.instant(names, last, slot, values[:, slot]))
        finally:
            await connection.aclose()
        async with edge(url, zone=_ZONE) as client:
            await _hold_registry(client, fleet)
            taken = [
                await _read_day(client, meter_name(number % fleet.meters), last)
                for number in range(READS)
            ]
    return {
        "p50": round(statistics.median(taken), 3),
        "p95": round(float(np.percentile(taken, 95)), 3),
    }


async def _hold_registry(client: httpx.AsyncClient, fleet: Fleet) -> None:
    meters = [
        {"meter_id": one.meter_id, "registers": [REGISTER], "interval_s": INTERVAL_S, "version": at}
        for at, one in enumerate(fleet.registered(), start=1)
    ]
    page = {"after": 0, "version": len(meters), "complete": True, "meters": meters}
    as_zone = {"x-gridfaas-role": "zone", "x-gridfaas-zone-credential": _ZONE}
    answered = await client.post("/v1/mdms/downlink", json=page, headers=as_zone)
    require(answered)


async def _read_day(client: httpx.AsyncClient, meter_id: str, day: int) -> float:
    """Milliseconds of a whole day's answer."""
    params = {
        "meter_id": meter_id,
        "register": REGISTER,
        "from": instant_text(day * DAY_S),
        "to": instant_text((day + 1) * DAY_S),
    }
    began = time.perf_counter()
    answered = await client.get("/v1/mdms/readings", params=params)
    took = (time.perf_counter() - began) * 1e3
    require(answered)
    [series] = answered.json()["series"]
    if len(series["final"]) != SLOTS or None in series["final"]:
        raise MeasurementFailed(f"the day of {meter_id} is not whole")
    return round(took, 3)


def _forget(data: Path) -> None:
    """Have the system drop what it holds of the files in memory."""
    for path in data.rglob("*"):
        if path.is_file():
            opened = os.open(path, os.O_RDONLY)
            try:
                os.fsync(opened)
                os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(opened)
