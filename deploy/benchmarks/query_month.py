"""A month's time-of-use sums of a fleet: mdms's answer from blocks, PostgreSQL's from rows."""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg
import httpx

from deploy.benchmarks import row_peer
from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.query_dates import Dates, instant_text
from deploy.benchmarks.query_worker import headquarters, require
from deploy.benchmarks.step import INTERVAL_S
from deploy.lab.reporting import Reporter
from functions.mdms.time_of_use import TimeOfUse, read_time_of_use
from storage.cold.engine import connect

ZONE: Final = "Asia/Baghdad"
WINDOWS: Final = ("peak,mon-fri,17:00-21:00", "night,all,00:00-06:00")
_QUERY_TIMEOUT_S: Final = 600.0


async def compare_months(
    admin_url: str, url: str, dates: Dates, *, rounds: int, reporter: Reporter
) -> dict[str, Any]:
    """Both sides in turns, each once before to be warm, and every row of theirs compared."""
    tariff = read_time_of_use(WINDOWS, otherwise="rest", holidays=(), zone=ZoneInfo(ZONE))
    admin = await connect(admin_url, command_timeout_s=_QUERY_TIMEOUT_S)
    try:
        at_s, periods = _calendar(tariff, dates)
        await row_peer.set_calendar(admin, at_s, periods)
        async with headquarters(url) as client:
            reporter.step("warming both")
            _, ours = await _blocks(client, dates)
            for name in row_peer.QUERIES:
                _, theirs = await _rows(admin, name, dates)
                if ours != theirs:
                    raise MeasurementFailed(f"blocks and rows ({name}) do not have the same sums")
            workers = {
                name: await row_peer.planned_workers(admin, name, *_bounds(dates))
                for name in row_peer.QUERIES
            }
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
        "peer_workers": workers,
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
        "from": instant_text(begin_s),
        "to": instant_text(end_s),
        "time_zone": ZONE,
        "window": list(WINDOWS),
        "otherwise": "rest",
    }
    began = time.perf_counter()
    answered = await client.get("/v1/mdms/time-of-use", params=params)
    took = time.perf_counter() - began
    require(answered)
    return round(took, 4), {
        (int(one["meter_id"][1:]), period, total, count)
        for one in answered.json()["meters"]
        for period, (total, count) in enumerate(zip(one["sum"], one["intervals"], strict=True))
    }


async def _rows(
    admin: "asyncpg.Connection[asyncpg.Record]", name: str, dates: Dates
) -> tuple[float, set[tuple[int, int, int, int]]]:
    bounds = _bounds(dates)
    began = time.perf_counter()
    rows = await admin.fetch(row_peer.QUERIES[name], *bounds)
    took = time.perf_counter() - began
    return round(took, 4), {(row[0], row[1], int(row[2]), row[3]) for row in rows}


def _bounds(dates: Dates) -> list[datetime]:
    return [datetime.fromtimestamp(at, UTC) for at in dates.bounds]
