"""Registering a nation's meters at headquarters, and following them down to every zone."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import asyncpg
import httpx
import msgspec

from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.nation_watch import cpu_of_groups, private_bytes, used_bytes
from deploy.benchmarks.rest import wait_for_rest
from deploy.benchmarks.step import FIRST_METER, INTERVAL_S, REGISTER, meter_name
from deploy.benchmarks.whole_way import ANSWER_S, TENANT, WholeWay
from deploy.lab.failure import LabFailure
from deploy.lab.registration import register_meters
from deploy.lab.reporting import Reporter
from deploy.lab.topology import gateway_url, headquarters
from storage.cold.walls import tenant_role
from zones.topology import Zone

METERS_PER_BODY: Final = 5_000
METERS_A_TRANSFORMER: Final = 40
METERS_A_FEEDER: Final = 1_000
# A zone that takes no more meters for so long hangs.
STALL_S: Final = 120.0
LOOK_S: Final = 1.0
SAY_S: Final = 30.0
_TABLES: Final = ("meters", "meter_history")

Figures = dict[str, Any]


class _Version(msgspec.Struct):
    version: int


def nation_meters(meters: int) -> Iterator[dict[str, Any]]:
    """The registered meters, made one by one, each with a place in a grid as real ones have it."""
    for number in range(FIRST_METER, FIRST_METER + meters):
        yield {
            "meter_id": meter_name(number),
            "registers": [REGISTER],
            "interval_s": INTERVAL_S,
            "service_point": f"SP-{number:08}",
            "transformer": f"T-{number // METERS_A_TRANSFORMER:06}",
            "feeder": f"F-{number // METERS_A_FEEDER:05}",
            "time_zone": "Asia/Baghdad",
        }


async def register_nation(whole: WholeWay, *, meters: int, reporter: Reporter) -> Figures:
    """Register the meters, wait until every zone has them; return times and bytes a meter.

    Raises:
        MeasurementFailed: headquarters or a zone stood still; names which, and where.
        MetersNotRegistered: headquarters refused them.
    """
    before = await _held(whole)
    cpu = await asyncio.to_thread(cpu_of_groups, whole)
    reporter.step(f"registering {meters:,} meters at headquarters, followed by the zones below")
    began = time.monotonic()
    at_top = 0

    def on_done(count: int) -> None:
        nonlocal at_top
        at_top += count

    async def at_headquarters() -> float:
        url = gateway_url(headquarters(whole.lab.topology))
        await register_meters(
            url,
            key=whole.lab.keys.tenants[TENANT],
            meters=nation_meters(meters),
            deadline=began + STALL_S + meters / 1_000,
            per_body=METERS_PER_BODY,
            on_done=on_done,
        )
        return time.monotonic() - began

    zones = whole.lab.topology.zones[1:]
    known = dict.fromkeys((zone.name for zone in zones), 0)

    async def below(zone: Zone) -> float:
        await _follow(whole, zone, meters=meters, known=known)
        return time.monotonic() - began

    async def say() -> None:
        said = began
        while True:
            await asyncio.sleep(LOOK_S)
            reporter.progress(min(known.values()), meters)
            if time.monotonic() - said > SAY_S:
                said = time.monotonic()
                places = ", ".join(f"{zone} {count:,}" for zone, count in known.items())
                reporter.step(f"after {said - began:.0f} s: headquarters {at_top:,}, {places}")

    saying = asyncio.create_task(say())
    try:
        async with asyncio.TaskGroup() as every:
            top = every.create_task(at_headquarters())
            taken = {zone.name: every.create_task(below(zone)) for zone in zones}
    except* LabFailure as errors:
        raise errors.exceptions[0] from None
    finally:
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)
    # A store that rewrites its log has a child with the same memory.
    await asyncio.to_thread(wait_for_rest, whole.processes)
    seconds = {whole.headquarters: top.result()}
    seconds |= {zone: task.result() for zone, task in taken.items()}
    return {
        "meters": meters,
        "seconds": {zone: round(taken_s, 1) for zone, taken_s in seconds.items()},
        "meters_per_second": {zone: round(meters / taken_s) for zone, taken_s in seconds.items()},
        "cpu_microseconds_a_meter": {
            group: round((used - cpu.get(group, 0.0)) / meters * 1e6, 1)
            for group, used in (await asyncio.to_thread(cpu_of_groups, whole)).items()
        },
        **_costs(before, await _held(whole), meters=meters),
    }


def _costs(before: Figures, after: Figures, *, meters: int) -> Figures:
    """Bytes a meter: at headquarters in its tables, below in hot stores; and of every process."""

    def a_meter(name: str) -> dict[str, float]:
        now, then = after[name], before[name]
        return {key: round((size - then.get(key, 0)) / meters, 1) for key, size in now.items()}

    memory: Mapping[str, int] = after["memory"]
    return {
        "bytes_a_meter": {"tables": a_meter("tables"), "hot_stores": a_meter("stores")},
        "process_bytes_a_meter": a_meter("memory"),
        "process_bytes": dict(memory),
    }


async def _held(whole: WholeWay) -> Figures:
    return {
        "tables": await _table_bytes(whole.lab.stores.database_url),
        "stores": await asyncio.to_thread(used_bytes, whole.hot),
        "memory": await asyncio.to_thread(private_bytes, whole),
    }


async def _table_bytes(database_url: str) -> dict[str, int]:
    connection = await asyncpg.connect(database_url, timeout=ANSWER_S)
    try:
        # A tenant's schema is made when its agent has heard of it.
        size = "SELECT coalesce(pg_total_relation_size(to_regclass($1)), 0)"
        return {
            table: int(await connection.fetchval(size, f"{tenant_role(TENANT)}.{table}"))
            for table in _TABLES
        }
    finally:
        await connection.close(timeout=ANSWER_S)


async def _follow(whole: WholeWay, zone: Zone, *, meters: int, known: dict[str, int]) -> None:
    headers = {
        "authorization": f"Bearer {whole.lab.keys.zones[zone.name]}",
        "gridfaas-tenant": TENANT,
    }
    moved, reason = time.monotonic(), "no answer"
    async with httpx.AsyncClient(timeout=ANSWER_S, trust_env=False, headers=headers) as client:
        while known[zone.name] < meters:
            try:
                answer = await client.get(f"{gateway_url(zone)}/v1/mdms/downlink/version")
                answer.raise_for_status()
                version = msgspec.json.decode(answer.content, type=_Version).version
            except (httpx.HTTPError, msgspec.DecodeError) as error:
                reason = str(error) or type(error).__name__
            else:
                if version > known[zone.name]:
                    known[zone.name], moved = version, time.monotonic()
                reason = "it answers"
            if time.monotonic() - moved > STALL_S:
                raise MeasurementFailed(
                    f"{zone.name} has {known[zone.name]:,} of {meters:,} meters and took none for "
                    f"{STALL_S:.0f} s ({reason}; logs: {whole.lab.home.logs})"
                )
            await asyncio.sleep(LOOK_S)
