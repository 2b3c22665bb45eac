"""Queries: a hot day, a cold day, and a month's time-of-use sums beside a row-a-reading table."""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import numpy as np

from deploy.benchmarks import query_load, row_peer
from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.query_load import Fleet
from deploy.benchmarks.step import DAY_S, INTERVAL_S, REGISTER, SLOTS, meter_name
from deploy.benchmarks.surroundings import machine, versions
from deploy.benchmarks.worker_app import worker_app
from deploy.lab.reporting import Reporter
from deploy.servers.postgres import PostgresServer
from deploy.servers.valkey import running_valkey
from functions.mdms.app import create_app
from functions.mdms.time_of_use import TimeOfUse, read_time_of_use
from functions.runtime.config import WorkerConfig
from storage.cold.engine import connect, create_engine
from storage.cold.pool import open_pool
from storage.cold.record import PostgresRecordStore
from storage.cold.registry import PostgresMeterRegistry
from storage.cold.walls import provision_tenant, tenant_database_url, tenant_role
from storage.hot.acl import provision_tenant as provision_hot
from storage.hot.connection import connect as connect_hot
from storage.hot.library import install
from storage.hot.store import RedisHotStore
from storage.migrations import upgrade

TENANT: Final = "bench"
PASSWORD: Final = "only-for-this-benchmark"
ZONE: Final = "Asia/Baghdad"
WINDOWS: Final = ("peak,mon-fri,17:00-21:00", "night,all,00:00-06:00")
TARGET: Final = 8.0
READS: Final = 200
# For both sides: sorts and hashes of the peer stay in memory.
SETTINGS: Final = {"work_mem": "256MB", "max_wal_size": "4GB"}
_QUERY_TIMEOUT_S: Final = 600.0
_REGISTERED_AT_ONCE: Final = 1_000

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """Days (UTC, since 1970): a month that is over, and one a year before its last."""

    first: int
    days: int

    @property
    def bounds(self) -> tuple[int, int]:
        """The month in seconds since 1970."""
        return self.first * DAY_S, (self.first + self.days) * DAY_S

    @property
    def a_year_ago(self) -> int:
        """The day of a cold read."""
        return self.first + self.days - 1 - 365


async def compare_queries(
    *, rounds: int, meters: int, days: int, command: str, reporter: Reporter
) -> Figures:
    """Fill both sides with the same readings, ask them in turns; return the benchmark's object.

    Raises:
        MeasurementFailed, ServerFailure: a server did not start, or the two sides differ.
    """
    fleet = Fleet(meters=meters)
    dates = Dates(first=int(time.time()) // DAY_S - days - 2, days=days)
    with _folder() as folder:
        server = PostgresServer(folder / "pg", folder / "run", settings=SETTINGS)
        try:
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(upgrade, server.url)
            url = await _tenant(server.url)
            sizes = await _fill(server.url, url, fleet, dates, reporter)
            reporter.step("a day a year ago")
            cold = await _cold_day(server, url, dates)
            reporter.step("the last day, hot")
            hot = await _hot_day(folder, dates)
            measured = await _months(server.url, url, dates, rounds=rounds, reporter=reporter)
            version = await _version(server.url)
        finally:
            server.stop()
    ratios = {
        name: statistics.median(one["rows"][name] / one["blocks_s"] for one in measured["rounds"])
        for name in row_peer.QUERIES
    }
    ratio = min(ratios.values())
    return {
        "machine": machine(),
        "versions": versions("asyncpg", "numpy", "zstandard") | {"postgresql": version},
        "command": command,
        "load": {
            "meters": meters,
            "days": days,
            "readings": meters * days * SLOTS,
            "interval_s": INTERVAL_S,
            "settings": SETTINGS,
        },
        "sizes": sizes,
        "hot_day_ms": hot,
        "cold_day_ms": cold,
        **measured,
        "bars": {
            "month_tou_vs_rows": {
                "value": round(ratio, 2),
                "target": TARGET,
                "met": ratio >= TARGET,
                "ratios": {name: round(value, 2) for name, value in ratios.items()},
            }
        },
    }


async def _tenant(admin_url: str) -> str:
    engine = create_engine(admin_url, pool_size=1, application_name="gridfaas-bench")
    try:
        await provision_tenant(engine, TENANT, password=PASSWORD)
    finally:
        await engine.dispose()
    return tenant_database_url(admin_url, TENANT, PASSWORD)


async def _fill(
    admin_url: str, url: str, fleet: Fleet, dates: Dates, reporter: Reporter
) -> Figures:
    every = [dates.a_year_ago, *range(dates.first, dates.first + dates.days)]
    admin = await connect(admin_url, command_timeout_s=row_peer.LOAD_TIMEOUT_S)
    try:
        async with open_pool(url) as pool:
            registry, store = PostgresMeterRegistry(pool), PostgresRecordStore(pool)
            known = fleet.registered()
            for at in range(0, len(known), _REGISTERED_AT_ONCE):
                some = known[at : at + _REGISTERED_AT_ONCE]
                await registry.register(some, now=datetime.now(UTC))
            await row_peer.make_table(admin)
            for number, day in enumerate(every):
                reporter.step(f"filling day {number + 1} of {len(every)}")
                await asyncio.gather(
                    query_load.fill_day(store, fleet, day),
                    row_peer.fill_day(admin, fleet, day),
                )
        reporter.step("making the key of the rows, and vacuuming both")
        await row_peer.finish(admin)
        schema = tenant_role(TENANT)
        await admin.execute(f"VACUUM (ANALYZE, FREEZE) {schema}.blocks")
        blocks = await admin.fetchval(
            "SELECT pg_total_relation_size($1::regclass)", f"{schema}.blocks"
        )
        rows = await row_peer.bytes_on_disk(admin)
    finally:
        await admin.close()
    readings = fleet.meters * len(every) * SLOTS
    return {
        "blocks_bytes_per_reading": round(blocks / readings, 2),
        "rows_bytes_per_reading": round(rows / readings, 2),
    }


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


@asynccontextmanager
async def _headquarters(url: str) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(_config(tier=1, zone="zone-1", database_url=url))
    async with worker_app(app, tenant=TENANT) as client:
        yield client


async def _cold_day(server: PostgresServer, url: str, dates: Dates) -> Figures:
    """The first read finds nothing in PostgreSQL's memory nor the system's; the second does."""
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(_forget, server.state_dir / "data")
    await asyncio.to_thread(server.start)
    async with _headquarters(url) as client:
        # Another meter first: the worker's connection and its statements are not the question.
        await _read_day(client, meter_name(1), dates.first)
        name = meter_name(0)
        return {
            "first": await _read_day(client, name, dates.a_year_ago),
            "second": await _read_day(client, name, dates.a_year_ago),
        }


async def _hot_day(folder: Path, dates: Dates) -> Figures:
    """p50 and p95 of the last day of a meter, at the edge."""
    last = dates.first + dates.days - 1
    fleet = Fleet(meters=100)
    values = fleet.values(last)
    with running_valkey(folder / "kv", folder / "run") as valkey:
        await install(valkey.url)
        url = await provision_hot(valkey.url, TENANT, password=PASSWORD)
        connection = connect_hot(url)
        try:
            store = RedisHotStore(
                connection, slug=TENANT, zone="zone-3a", uplink_limit_bytes=1 << 30
            )
            names = [meter_name(number) for number in range(fleet.meters)]
            for slot in range(SLOTS):
                await store.accept(query_load.instant(names, last, slot, values[:, slot]))
        finally:
            await connection.aclose()
        async with worker_app(
            create_app(_config(tier=3, zone="zone-3a", redis_url=url)), tenant=TENANT
        ) as client:
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
    as_zone = {"x-gridfaas-role": "zone", "x-gridfaas-zone-credential": "zone-3a"}
    answered = await client.post("/v1/mdms/downlink", json=page, headers=as_zone)
    _require(answered)


async def _read_day(client: httpx.AsyncClient, meter_id: str, day: int) -> float:
    """Milliseconds of a whole day's answer."""
    params = {
        "meter_id": meter_id,
        "register": REGISTER,
        "from": _text(day * DAY_S),
        "to": _text((day + 1) * DAY_S),
    }
    began = time.perf_counter()
    answered = await client.get("/v1/mdms/readings", params=params)
    took = (time.perf_counter() - began) * 1e3
    _require(answered)
    [series] = answered.json()["series"]
    if len(series["final"]) != SLOTS or None in series["final"]:
        raise MeasurementFailed(f"the day of {meter_id} is not whole")
    return round(took, 3)


async def _months(
    admin_url: str, url: str, dates: Dates, *, rounds: int, reporter: Reporter
) -> Figures:
    """Both sides in turns, each once before to be warm, and every row of theirs compared."""
    tariff = read_time_of_use(WINDOWS, otherwise="rest", holidays=(), zone=ZoneInfo(ZONE))
    admin = await connect(admin_url, command_timeout_s=_QUERY_TIMEOUT_S)
    try:
        at_s, periods = _calendar(tariff, dates)
        await row_peer.set_calendar(admin, at_s, periods)
        async with _headquarters(url) as client:
            reporter.step("warming both")
            _, ours = await _blocks(client, dates)
            for name in row_peer.QUERIES:
                _, theirs = await _rows(admin, name, dates)
                if ours != theirs:
                    raise MeasurementFailed(f"blocks and rows ({name}) do not have the same sums")
            measured = []
            for number in range(rounds):
                reporter.step(f"round {number + 1} of {rounds}")
                sides: list[Callable[[], Any]] = [
                    lambda: _blocks(client, dates),
                    *(lambda name=name: _rows(admin, name, dates) for name in row_peer.QUERIES),
                ]
                order = range(len(sides)) if number % 2 == 0 else reversed(range(len(sides)))
                taken = {at: (await sides[at]())[0] for at in order}
                measured.append(
                    {
                        "blocks_s": taken[0],
                        "rows": {
                            name: taken[at] for at, name in enumerate(row_peer.QUERIES, start=1)
                        },
                    }
                )
    finally:
        await admin.close()
    return {
        "rounds": measured,
        "medians": {
            "month_tou_blocks_s": statistics.median(one["blocks_s"] for one in measured),
            **{
                f"month_tou_rows_{name}_s": statistics.median(one["rows"][name] for one in measured)
                for name in row_peer.QUERIES
            },
        },
        "answer_rows": len(ours),
    }


def _calendar(tariff: TimeOfUse, dates: Dates) -> tuple[list[int], list[int]]:
    begin_s, end_s = dates.bounds
    days = range(dates.first, dates.first + dates.days)
    classes = tariff.classes(INTERVAL_S, begin_s=begin_s, end_s=end_s, days=days)
    return list(range(begin_s, end_s, INTERVAL_S)), classes.reshape(-1).tolist()


async def _blocks(
    client: httpx.AsyncClient, dates: Dates
) -> tuple[float, set[tuple[int, int, int, int]]]:
    """Seconds until the answer's last byte, and its rows: meter, period, sum, intervals."""
    begin_s, end_s = dates.bounds
    params = {
        "from": _text(begin_s),
        "to": _text(end_s),
        "time_zone": ZONE,
        "window": list(WINDOWS),
        "otherwise": "rest",
    }
    began = time.perf_counter()
    answered = await client.get("/v1/mdms/time-of-use", params=params)
    took = time.perf_counter() - began
    _require(answered)
    return round(took, 4), {
        (int(one["meter_id"][1:]), period, total, count)
        for one in answered.json()["meters"]
        for period, (total, count) in enumerate(zip(one["sum"], one["intervals"], strict=True))
    }


async def _rows(
    admin: "asyncpg.Connection[asyncpg.Record]", name: str, dates: Dates
) -> tuple[float, set[tuple[int, int, int, int]]]:
    begin_s, end_s = dates.bounds
    bounds = [datetime.fromtimestamp(at, UTC) for at in (begin_s, end_s)]
    began = time.perf_counter()
    rows = await admin.fetch(row_peer.QUERIES[name], *bounds)
    took = time.perf_counter() - began
    return round(took, 4), {(row[0], row[1], int(row[2]), row[3]) for row in rows}


async def _version(admin_url: str) -> str:
    connection = await connect(admin_url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gf-bench-", dir="/tmp") as name:
        folder = Path(name)
        # Servers run under an account of their own when we are root.
        folder.chmod(0o711)
        yield folder


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


def _require(answered: httpx.Response) -> None:
    if answered.status_code != 200:
        raise MeasurementFailed(f"{answered.status_code}: {answered.text[:200]}")


def _text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
