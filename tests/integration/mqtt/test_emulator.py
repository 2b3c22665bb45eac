"""Emulated meters send by MQTT 5 and count what came back on their response topics."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from meter_emulator.fleet import Fleet
from tests.integration.mqtt.broker import PASSWORD
from tests.integration.mqtt.conftest import ZONE, Zone
from tests.integration.zones.agent_process import until

pytestmark = pytest.mark.timeout(300)
METERS = 4
PLANNED = METERS * 96
DEADLINE_S = 120


@pytest.fixture(scope="module")
def fleet(zone: Zone) -> list[str]:
    """The zone has the meters of a small fleet in its registry."""
    fleet = Fleet(tenant="acme", count=METERS, seed=1)
    meters = [one | {"version": 2 + at} for at, one in enumerate(fleet.registry())]
    page = {"after": 1, "version": 1 + len(meters), "complete": True, "meters": meters}
    taken = httpx.post(
        f"{zone.url}/v1/mdms/downlink",
        json=page,
        headers={"authorization": f"Bearer {ZONE}", "gridfaas-tenant": "acme"},
        timeout=30,
    )
    assert taken.status_code == 200, taken.text
    return fleet.meter_ids()


async def start(
    zone: Zone, folder: Path, *options: str, day: str, password: str = PASSWORD
) -> asyncio.subprocess.Process:
    key_file = folder / "password"
    key_file.write_text(password)
    key_file.chmod(0o600)
    ca = []
    if zone.broker.ca is not None:
        (folder / "ca.pem").write_text(zone.broker.ca)
        ca = ["--mqtt-ca", str(folder / "ca.pem")]
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "meter_emulator", "send", "--json", "--day", day),
        *("--mqtt", zone.broker.url, "--tenant", "acme", "--key-file", str(key_file), *ca),
        *("--count", str(METERS), "--connections", "2", *options),
        stdout=asyncio.subprocess.PIPE,
    )


async def ended(emulator: asyncio.subprocess.Process) -> tuple[int | None, dict[str, Any]]:
    async with asyncio.timeout(DEADLINE_S):
        printed, _ = await emulator.communicate()
    figures: dict[str, Any] = json.loads(printed)
    return emulator.returncode, figures


async def send(
    zone: Zone, folder: Path, *options: str, day: str, password: str = PASSWORD
) -> tuple[int | None, dict[str, Any]]:
    return await ended(await start(zone, folder, *options, day=day, password=password))


def stored(zone: Zone, meter: str, day: str) -> int:
    period = {"from": f"{day}T00:00:00Z", "to": f"{day}T23:59:59Z"}
    answer = zone.get("/v1/mdms/readings", meter_id=meter, **period)
    assert answer.status_code == 200, answer.text
    return sum(
        value is not None for series in answer.json()["series"] for value in series["values"]
    )


@pytest.mark.parametrize("zone", ["clear", "tls"], indirect=True)
async def test_a_day_is_acknowledged_reading_by_reading_and_once(
    zone: Zone, fleet: list[str], tmp_path: Path
) -> None:
    code, figures = await send(zone, tmp_path, day="2026-04-01")
    again_code, again = await send(zone, tmp_path, day="2026-04-01")

    assert (code, figures["acknowledged"], figures["outcomes"]["accepted"]) == (0, PLANNED, PLANNED)
    assert (again_code, again["outcomes"]["duplicate"]) == (0, PLANNED)
    assert [stored(zone, meter, "2026-04-01") for meter in fleet] == [96] * METERS


async def test_an_intake_that_is_killed_costs_a_retry(
    zone: Zone, fleet: list[str], tmp_path: Path
) -> None:
    emulator = await start(zone, tmp_path, "--rate", "60", "--timeout", "3", day="2026-04-02")
    try:
        await asyncio.to_thread(until, lambda: stored(zone, fleet[0], "2026-04-02"), "some arrived")
        [pid] = zone.pids("mqtt_intake")
        os.kill(pid, signal.SIGKILL)
        code, figures = await ended(emulator)
    finally:
        if emulator.returncode is None:
            emulator.kill()
            await emulator.wait()

    assert (code, figures["acknowledged"], figures["unanswered"]) == (0, PLANNED, 0)
    assert [stored(zone, meter, "2026-04-02") for meter in fleet] == [96] * METERS


async def test_who_may_not_sign_in_has_no_answer(zone: Zone, tmp_path: Path) -> None:
    code, figures = await send(
        zone, tmp_path, "--give-up", "1", day="2026-04-03", password="another"
    )

    assert (code, figures["acknowledged"]) == (4, 0)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--url", "http://127.0.0.1:1"), id="a_gateway_too"),
        pytest.param(("--sync-every", "60"), id="the_time_by_mqtt"),
    ],
)
async def test_what_a_broker_cannot_do_is_refused(
    zone: Zone, tmp_path: Path, options: tuple[str, ...]
) -> None:
    emulator = await start(zone, tmp_path, *options, day="2026-04-04")
    async with asyncio.timeout(DEADLINE_S):
        await emulator.communicate()

    assert emulator.returncode == 2
