"""One time in all zones of a running lab, over the gateways and with the zones' credentials."""

import asyncio
import json
import time

import pytest

from tests.e2e.lab import PAUSE_S, Lab

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

DEADLINE_S = 60


async def until_synchronised(lab: Lab, zone: str) -> None:
    while True:
        if (await lab.ask(lab.tenants[0], zone, "/v1/clock_sync/status"))["synchronised"]:
            return
        await asyncio.sleep(PAUSE_S)


async def test_every_zone_follows_the_one_above_and_tells_a_tenants_meters(
    shared_lab: Lab,
) -> None:
    tenant = shared_lab.tenants[0]
    zones = shared_lab.topology.zones
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*(until_synchronised(shared_lab, zone.name) for zone in zones))

    for zone in zones:
        status = await shared_lab.ask(tenant, zone.name, "/v1/clock_sync/status")
        assert (status["stratum"], status["reference"]) == (zone.tier, zone.parent)
        assert status["sntp"] == f"127.0.0.1:{zone.port}"

        t1_us = time.time_ns() // 1000
        answer = await shared_lab.call(
            tenant,
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
