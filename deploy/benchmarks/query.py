"""Queries: a hot day, a cold day, and a month's time-of-use sums beside a row-a-reading table."""

import asyncio
import statistics
import time
from typing import Any, Final

from deploy.benchmarks import row_peer
from deploy.benchmarks.query_dates import Dates
from deploy.benchmarks.query_days import cold_day, hot_day
from deploy.benchmarks.query_fill import fill, make_tenant
from deploy.benchmarks.query_load import Fleet
from deploy.benchmarks.query_month import compare_months
from deploy.benchmarks.scratch import scratch_folder
from deploy.benchmarks.step import DAY_S, INTERVAL_S, SLOTS
from deploy.benchmarks.surroundings import machine, versions
from deploy.lab.reporting import Reporter
from deploy.servers.postgres import PostgresServer
from storage.cold.engine import connect
from storage.migrations import upgrade

TARGET: Final = 8.0
# For both sides: sorts and hashes of the peer stay in memory, and what is warm is in PostgreSQL's
# own (128 MB are its default).
SETTINGS: Final = {"work_mem": "256MB", "shared_buffers": "2GB", "max_wal_size": "4GB"}

Figures = dict[str, Any]


async def compare_queries(
    *, rounds: int, meters: int, days: int, command: str, reporter: Reporter
) -> Figures:
    """Fill both sides with the same readings, ask them in turns; return the benchmark's object.

    Raises:
        MeasurementFailed, ServerFailure: a server did not start, or the two sides differ.
    """
    fleet = Fleet(meters=meters)
    dates = Dates(first=int(time.time()) // DAY_S - days - 2, days=days)
    with scratch_folder() as folder:
        server = PostgresServer(folder / "pg", folder / "run", settings=SETTINGS)
        try:
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(upgrade, server.url)
            url = await make_tenant(server.url)
            sizes = await fill(server.url, url, fleet, dates, reporter)
            reporter.step("a day a year ago")
            cold = await cold_day(server, url, dates)
            reporter.step("the last day, hot")
            hot = await hot_day(folder, dates)
            measured = await compare_months(
                server.url, url, dates, rounds=rounds, reporter=reporter
            )
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


async def _version(admin_url: str) -> str:
    connection = await connect(admin_url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
