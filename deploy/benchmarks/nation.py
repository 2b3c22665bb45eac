"""The nation: its registry in every zone, two intervals of a sample, then its rate for minutes."""

import asyncio
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import psutil

from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.nation_figures import (
    MOST_BYTES_A_NEW_DAY,
    Sample,
    cpu_shares,
    memory_verdicts,
    nation_bars,
    queue_verdicts,
    sample_that_fits,
)
from deploy.benchmarks.nation_registry import register_nation
from deploy.benchmarks.nation_sending import Sending, arrived, send
from deploy.benchmarks.nation_watch import cpu_of_groups, store_groups, watching
from deploy.benchmarks.rest import wait_for_rest
from deploy.benchmarks.scratch import scratch_folder
from deploy.benchmarks.step import DAY_S, INTERVAL_S
from deploy.benchmarks.surroundings import machine, versions
from deploy.benchmarks.whole_way import START_S, WholeWay, zone_a_tier
from deploy.lab.reporting import Reporter
from deploy.lab.service_env import SERVICE_SETTINGS

SAMPLE_METERS: Final = 2_000_000
SAMPLE_INTERVALS: Final = 2
# Of a lab with one zone a tier: headquarters has none.
HOT_ZONES: Final = 2
COUNT_S: Final = 120.0
COUNTED_A_SECOND: Final = 5_000
# A meter in a zone's registry and its series' place, generously.
BYTES_A_METER: Final = 250
# On the streams, until the next zone has it.
BYTES_A_READING: Final = 20
SHARE_OF_MEMORY: Final = 0.45

Figures = dict[str, Any]


async def measure_nation(
    *,
    meters: int,
    minutes: float,
    rate: float,
    per_body: int,
    connections: int,
    command: str,
    reporter: Reporter,
    sample: int | None = None,
) -> Figures:
    """Register `meters`, of which the first `sample` report: two intervals as fast as they go, then
    further ones in turn at `rate` readings/s for `minutes`; return the benchmark's object.

    Without `sample` it is `SAMPLE_METERS`, or as many as memory has room for.

    Raises:
        MeasurementFailed: something hung or broke; the message names it.
        LabFailure, ServerFailure: the lab did not start.
    """
    fits = sample_that_fits(
        meters=meters, zones=HOT_ZONES, free_bytes=psutil.virtual_memory().available
    )
    if sample is None:
        sample = min(fits, SAMPLE_METERS)
    if sample > fits:
        reporter.step(f"memory may run short: there is room for a day of {fits:,} meters")
    steady = round(rate * minutes * 60)
    total = SAMPLE_INTERVALS * sample + steady
    room = _room(meters=meters, series=sample, readings=total)
    found: Figures = {"machine": machine()}
    with scratch_folder() as folder, _more_room(room):
        reporter.step("starting a lab of one zone a tier")
        deadline = time.monotonic() + START_S
        async with zone_a_tier(folder, deadline=deadline, reporter=reporter) as whole:
            await asyncio.to_thread(_let_grow, whole, room)
            load = _Load(whole, reporter, meters=meters, per_body=per_body, connections=connections)
            registration = await register_nation(whole, meters=meters, reporter=reporter)
            reporter.step(f"registered: {json.dumps(registration)}")
            intervals = [await load.interval(number, sample) for number in range(SAMPLE_INTERVALS)]
            await asyncio.to_thread(wait_for_rest, whole.processes)
            steadily = await load.steadily(sample, rate=rate, readings=steady)
            record = await _record(whole, sent=total, taken=load.acknowledged, reporter=reporter)
            found["versions"] = versions("asyncpg", "httptools", "msgspec", "numpy", "uvloop")
            found["versions"]["valkey"] = whole.version
    return found | {
        "command": command,
        "load": {
            "meters": meters,
            "sample_meters": sample,
            "minutes": minutes,
            "readings_per_second": rate,
            "readings_per_body": per_body,
            "connections": connections,
            "interval_s": INTERVAL_S,
        },
        "registration": registration,
        "sample": intervals,
        "steady": steadily,
        "record": record,
        "bars": nation_bars(steady=steadily, record=record, sample=intervals, asked_rate=rate),
    }


class _Load:
    """What was sent to the lab so far, all of it new: yesterday's intervals from midnight on."""

    def __init__(
        self, whole: WholeWay, reporter: Reporter, *, meters: int, per_body: int, connections: int
    ) -> None:
        self.acknowledged = 0
        self._whole = whole
        self._reporter = reporter
        self._meters = meters
        self._per_body = per_body
        self._connections = connections
        self._first_s = (int(time.time()) // DAY_S - 1) * DAY_S
        self._answered = 0

    async def interval(self, number: int, meters: int) -> Figures:
        """Send interval `number` of the first `meters` as fast as it goes, up to the record."""
        self._reporter.step(f"interval {number + 1} of {meters:,} meters, as fast as it goes")
        before = await asyncio.to_thread(cpu_of_groups, self._whole)
        began = time.monotonic()
        said = await self._send(meters=meters, skip=number * meters, readings=meters, rate=0.0)
        at_edge = time.monotonic() - began
        await arrived(self._whole, meters=self._meters, reporter=self._reporter)
        committed = time.monotonic() - began
        after = await asyncio.to_thread(cpu_of_groups, self._whole)
        figures = {
            "readings": meters,
            "edge_seconds": round(at_edge, 2),
            "committed_seconds": round(committed, 2),
            "readings_per_second": round(meters / committed),
            "cpu_seconds": _used(before, after),
            "sender_cpu_seconds": said["cpu_seconds"],
            "retries": said["retries"],
        }
        self._reporter.step(
            f"{figures['readings_per_second']:,} readings/s, all of them committed at headquarters"
        )
        return figures

    async def steadily(self, meters: int, *, rate: float, readings: int) -> Figures:
        """Send the next interval of `meters` in turn, and so on, each body when it is due."""
        self._reporter.step(
            f"{rate:,.0f} readings/s, {readings:,} of them, {meters:,} meters taking turns"
        )
        skip = SAMPLE_INTERVALS * meters
        self._answered = 0
        async with watching(self._whole, answered=lambda: self._answered) as watch:
            before = await asyncio.to_thread(cpu_of_groups, self._whole)
            began = time.monotonic()
            said = await self._send(meters=meters, skip=skip, readings=readings, rate=rate)
            wall_s = time.monotonic() - began
            after = await asyncio.to_thread(cpu_of_groups, self._whole)
        await arrived(self._whole, meters=self._meters, reporter=self._reporter)
        behind_s = time.monotonic() - began - wall_s
        cpu = _used(before, after)
        cores = os.cpu_count() or 1
        figures = {
            "readings": readings,
            "seconds": round(wall_s, 2),
            "readings_per_second": round(readings / max(said["seconds"], readings / rate), 1),
            "delay_ms": said["delay_ms"],
            "bodies": said["bodies"],
            "retries": said["retries"],
            "seconds_until_committed_after": round(behind_s, 2),
            "cpu_seconds": cpu,
            "cpu_shares": cpu_shares(cpu, wall_s=wall_s, cores=cores),
            "sender_cpu_share": round(said["cpu_seconds"] / (wall_s * cores), 4),
            "memory": memory_verdicts(watch.samples, stores=store_groups(self._whole)),
            "queues": queue_verdicts(watch.samples),
            "samples": [_plain(one) for one in watch.samples],
        }
        self._reporter.step(
            f"p99 {figures['delay_ms']['p99']:,.0f} ms,"
            f" {sum(figures['cpu_shares'].values()):.0%} of {cores} cores"
        )
        return figures

    async def _send(self, *, meters: int, skip: int, readings: int, rate: float) -> Figures:
        def on_answered(answered: int) -> None:
            self._answered = answered
            self._reporter.progress(answered, readings)

        sending = Sending(
            meters=meters,
            first_s=self._first_s,
            skip=skip,
            readings=readings,
            rate=rate,
            per_body=self._per_body,
            connections=self._connections,
        )
        said = await send(self._whole, sending, on_answered=on_answered)
        self.acknowledged += said["answered"]
        return said


async def _record(whole: WholeWay, *, sent: int, taken: int, reporter: Reporter) -> Figures:
    reporter.step(f"counting the record: {sent:,} readings")
    within_s = COUNT_S + sent / COUNTED_A_SECOND
    try:
        async with asyncio.timeout(within_s):
            found, distinct = await whole.committed()
    except TimeoutError:
        raise MeasurementFailed(f"the record was not counted within {within_s:.0f} s") from None
    return {"sent": sent, "acknowledged": taken, "found": found, "distinct": distinct}


def _used(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: round(used - before.get(name, 0.0), 2) for name, used in after.items()}


def _plain(one: Sample) -> Figures:
    return {
        "at_s": one.at_s,
        "answered": one.answered,
        "memory": dict(one.memory),
        "stores": dict(one.stores),
        "queues": dict(one.queues),
    }


def _room(*, meters: int, series: int, readings: int) -> int:
    """Bytes that a zone's hot store may need: the registry, a day of each series, the readings."""
    return round(
        meters * BYTES_A_METER + series * MOST_BYTES_A_NEW_DAY + readings * BYTES_A_READING
    ) + (1 << 30)


@contextmanager
def _more_room(room: int) -> Iterator[None]:
    """Let a tenant's hot readings take `room` bytes, in labs that start inside the block."""
    before = os.environ.get(SERVICE_SETTINGS)
    settings = json.loads(before) if before else {}
    mdms = settings.get("mdms", {})
    os.environ[SERVICE_SETTINGS] = json.dumps(
        settings | {"mdms": {"memory_limit_bytes": max(room, 2 << 30)} | mdms}
    )
    try:
        yield
    finally:
        if before is None:
            del os.environ[SERVICE_SETTINGS]
        else:
            os.environ[SERVICE_SETTINGS] = before


def _let_grow(whole: WholeWay, room: int) -> None:
    most = int(psutil.virtual_memory().total * SHARE_OF_MEMORY)
    for store in whole.hot.values():
        held = int(store.config_get("maxmemory")["maxmemory"] or 0)
        store.config_set("maxmemory", max(held, min(room, most)))
