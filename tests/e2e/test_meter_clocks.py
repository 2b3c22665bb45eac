"""Emulated meters ask a real zone for the time, and the marks on their readings are kept."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from meter_emulator.fleet import Fleet
from tests.e2e.lab import Lab
from tests.e2e.test_clock_sync import until_synchronised
from tests.e2e.versions import REGISTER

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

METERS = 4
DEADLINE_S = 120
# An hour more on both sides: a wrong clock may put a reading beyond its day.
PERIOD = {"from": "2025-12-31T23:00:00Z", "to": "2026-01-02T01:00:00Z", "register": REGISTER}


async def send(lab: Lab, edge: str, folder: Path, *options: str) -> dict[str, Any]:
    """Send the day of the fleet `clocks` in the name of the lab's first tenant."""
    key_file = folder / "key"
    key_file.write_text(lab.running.keys.tenants[lab.tenants[0]])
    key_file.chmod(0o600)
    emulator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "meter_emulator", "send", "--json", "--day", "2026-01-01"),
        *("--url", f"http://127.0.0.1:{lab.topology.zone(edge).port}", "--tenant", "clocks"),
        *("--key-file", str(key_file), "--count", str(METERS), *options),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE_S):
        printed, _ = await emulator.communicate()
    assert emulator.returncode == 0, printed
    figures: dict[str, Any] = json.loads(printed)
    return figures


async def qualities(lab: Lab, edge: str, meter: str) -> list[int]:
    """Of all that the edge has of the meter's day, on its slots and beside them."""
    asked = urlencode(PERIOD | {"meter_id": meter})
    tenant = lab.tenants[0]
    slots = await lab.ask(tenant, edge, f"/v1/mdms/readings?{asked}")
    events = await lab.ask(tenant, edge, f"/v1/mdms/events?{asked}")
    return [
        *(code for series in slots["series"] for code in series["quality"] if code is not None),
        *(event["quality"] for event in events["events"]),
    ]


async def test_what_meters_doubt_can_be_seen_in_the_zone(shared_lab: Lab, tmp_path: Path) -> None:
    edge = shared_lab.edges[0]
    names = Fleet(tenant="clocks", count=METERS, seed=1).meter_ids()
    await shared_lab.register(shared_lab.tenants[0], names)
    await until_synchronised(shared_lab, edge)

    # So narrow a limit that, between two exchanges, drift passes it.
    clocks = ("--drift-ppm", "100", "--sync-every", "21600", "--clock-limit", "1.0")
    sent = await send(shared_lab, edge, tmp_path, *clocks, "--fault", "clock-drift=0.5")

    figures = sent["tenants"]["clocks"]["clocks"]
    assert (figures["exchanges"], figures["failed"]) == (4, {})
    # Six hours of drift, and what a call may have taken until its deadline.
    assert figures["widest_off_s"] < 2.2 + 15
    assert 0 < figures["marked"] < METERS * 96
    found = [await qualities(shared_lab, edge, name) for name in names]
    assert sum(map(len, found)) == sent["acknowledged"] == METERS * 96
    assert sum(one.count(10) for one in found) == figures["marked"]
