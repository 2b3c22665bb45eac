"""The meter emulator beside the test's own load: another open loop, with retries of its own."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from tests.e2e.cold_record import Record
from tests.e2e.lab import Lab

COUNT = 4
SEED = 1
RATE = 60
END_S = 30.0
FAULTS = ("duplicate=0.05", "late=0.05", "out-of-order=0.05")


@dataclass(slots=True)
class Emulated:
    """What the emulator says became of its readings, filled in when it has ended."""

    tenant: str
    meters: frozenset[str]
    figures: Mapping[str, Any] = field(default_factory=dict)

    def faults(self, record: Record) -> list[str]:
        """Every reading that it was acknowledged exactly once; others only if nobody answered."""
        ours = {
            slot: versions
            for slot, versions in record.versions.items()
            if slot.tenant == self.tenant and slot.meter in self.meters
        }
        faults = [f"{slot}: {versions}" for slot, versions in ours.items() if len(versions) != 1]
        least = self.figures["acknowledged"]
        if not least <= len(ours) <= least + self.figures["unanswered"]:
            faults.append(f"{len(ours)} readings stored, acknowledged {self.figures}")
        if self.figures["refused"]:
            faults.append(f"refused: {self.figures['refused']}")
        return faults


async def meters_of(tenant: str) -> list[str]:
    """The names of the fleet that `emulating` sends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "meter_emulator", "meters", "--tenant", tenant),
        *("--count", str(COUNT), "--seed", str(SEED)),
        stdout=asyncio.subprocess.PIPE,
    )
    names, _ = await process.communicate()
    assert process.returncode == 0
    return names.decode().split()


@asynccontextmanager
async def emulating(lab: Lab, edge: str, *, tenant: str, day: date) -> AsyncIterator[Emulated]:
    """Send days from `day` on to an edge for the length of a block; the meters are registered."""
    emulated = Emulated(tenant, frozenset(await meters_of(tenant)))
    key = Path(lab.home.state) / "e2e.key"
    await asyncio.to_thread(key.write_text, lab.running.keys.tenants[tenant])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "meter_emulator", "send", "--json", "--tenant", tenant),
        *("--url", f"http://127.0.0.1:{lab.topology.zone(edge).port}", "--key-file", str(key)),
        *("--count", str(COUNT), "--seed", str(SEED), "--day", day.isoformat(), "--days", "300"),
        *("--rate", str(RATE), "--meters-per-body", "3"),
        *(f"--fault={fault}" for fault in FAULTS),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield emulated
        process.terminate()
        async with asyncio.timeout(END_S):
            figures, _ = await process.communicate()
        emulated.figures = json.loads(figures)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
