"""One time in all zones of a running lab, over the gateways and with the zones' credentials."""

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.e2e.lab import PAUSE_S, Lab
from tests.e2e.processes import Processes

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

DEADLINE_S = 60


async def status_of(lab: Lab, zone: str) -> dict[str, Any]:
    found: dict[str, Any] = await lab.ask(lab.tenants[0], zone, "/v1/clock_sync/status")
    return found


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if await check():
                return
            await asyncio.sleep(PAUSE_S)


async def until_synchronised(lab: Lab, zone: str) -> None:
    async def check() -> bool:
        return bool((await status_of(lab, zone))["synchronised"])

    await until(check)


async def sntp_stratum(port: int) -> int:
    """Ask by UDP and return the stratum of the answer."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        async with asyncio.timeout(DEADLINE_S):
            await loop.sock_sendto(asking, bytes([0b00_100_011]) + bytes(47), ("127.0.0.1", port))
            return (await loop.sock_recv(asking, 1024))[1]


async def test_every_zone_follows_the_one_above_and_tells_a_tenants_meters(
    shared_lab: Lab,
) -> None:
    zones = shared_lab.topology.zones
    await asyncio.gather(*(until_synchronised(shared_lab, zone.name) for zone in zones))

    for zone in zones:
        status = await status_of(shared_lab, zone.name)
        assert (status["stratum"], status["reference"]) == (zone.tier, zone.parent)
        assert status["sntp"] == f"127.0.0.1:{zone.port}"
        assert await sntp_stratum(zone.port) == zone.tier

        t1_us = time.time_ns() // 1000
        answer = await shared_lab.call(
            shared_lab.tenants[0],
            zone.name,
            "/v1/clock_sync/exchange",
            method="POST",
            body=json.dumps({"t1_us": [t1_us, t1_us - 5]}).encode(),
        )
        t4_us = time.time_ns() // 1000
        assert answer.status == 200, answer
        told = json.loads(answer.body)
        assert told["t1_us"] == [t1_us, t1_us - 5]
        # All zones are on this machine, whose clock is headquarters'.
        bound_us = told["root_delay_us"] / 2 + told["root_dispersion_us"] + 1
        assert t1_us - bound_us <= told["t2_us"] <= told["t3_us"] <= t4_us + bound_us


async def test_an_edge_that_is_cut_off_knows_the_time_after_its_worker_was_killed(
    shared_lab: Lab,
) -> None:
    edge = shared_lab.edges[0]
    processes = Processes(shared_lab)
    await until_synchronised(shared_lab, edge)

    async def replaced() -> bool:
        return await processes.worker(edge, "clock_sync", None) != killed

    async def told_nothing() -> bool:
        return (await status_of(shared_lab, edge))["last_error"] is not None

    async with asyncio.timeout(DEADLINE_S):
        killed = await processes.worker(edge, "clock_sync", None)
    shared_lab.links[edge].cut()
    try:
        os.kill(killed, signal.SIGKILL)
        await until(replaced)
        await until(told_nothing)
        status = await status_of(shared_lab, edge)
        assert (status["synchronised"], status["stratum"]) == (True, 3)
    finally:
        shared_lab.links[edge].heal()
