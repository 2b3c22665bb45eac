"""Every kind of process killed under load, every link cut: nothing acknowledged is lost or doubled.

The schedule comes from a seed, which is in the test's name; $GRIDFAAS_E2E_SEED repeats it.
$GRIDFAAS_E2E_ROUNDS carries out so many schedules one after another (`make soak`).
"""

import asyncio
import logging
import os
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.background import emulating, meters_of
from tests.e2e.cold_record import read_record
from tests.e2e.hot_copy import read_hot
from tests.e2e.journal import Journal
from tests.e2e.lab import Lab, open_lab
from tests.e2e.load import Load
from tests.e2e.moments import Moments
from tests.e2e.schedule import draw_schedule
from tests.e2e.seed import SEED
from tests.e2e.stores import drained
from tests.e2e.striker import Striker
from tests.e2e.tail_watch import TailWatch
from tests.e2e.traffic import Traffic
from tests.e2e.verdict import cold_faults, hot_faults, some, told_faults
from tests.e2e.versions import DAY_S, FIRST_DAY

logger = logging.getLogger(__name__)

METERS_PER_EDGE = 5
BODIES_PER_S = 25.0
ROUNDS = int(os.environ.get("GRIDFAAS_E2E_ROUNDS") or 1)
SETTLE_S = 180.0
# Each kind of event came often enough to prove something, whatever the machine's speed.
LEAST = 50


async def register_fleets(lab: Lab) -> dict[tuple[str, str], list[str]]:
    """Meters for each tenant at each edge; tenants share names, as nothing forbids it."""
    fleets = {}
    for tenant in lab.tenants:
        for edge in lab.edges:
            fleets[tenant, edge] = [f"{edge}-{n}" for n in range(METERS_PER_EDGE)]
        await lab.register(tenant, [f"{e}-{n}" for e in lab.edges for n in range(METERS_PER_EDGE)])
    return fleets


@pytest.mark.timeout(600 * (ROUNDS + 1))
@pytest.mark.parametrize("seed", [SEED], ids=lambda seed: f"seed_{seed}")
async def test_nothing_acknowledged_is_lost_or_doubled(seed: int, lab_folder: Path) -> None:
    journal = Journal()
    async with open_lab(lab_folder) as lab:
        fleets = await register_fleets(lab)
        traffic = Traffic(
            fleets,
            journal=journal,
            draw=random.Random(f"{seed} traffic"),
        )
        load = Load(
            traffic,
            journal=journal,
            open_line=lab.line,
            per_s=BODIES_PER_S,
            draw=random.Random(f"{seed} pace"),
        )
        moments = Moments(lab, load, random.Random(f"{seed} moments"))
        striker = Striker(lab, moments, random.Random(f"{seed} pauses"))
        watch = TailWatch(lab)
        schedules = random.Random(f"{seed} schedule")
        tenant, day = lab.tenants[0], datetime.fromtimestamp(FIRST_DAY * DAY_S, UTC).date()
        await lab.register(tenant, await meters_of(tenant))
        emulator = emulating(lab, lab.edges[-1], tenant=tenant, day=day)
        try:
            async with watch.watching(), emulator as emulated, load.running():
                for _ in range(ROUNDS):
                    await striker.carry_out(
                        draw_schedule(lab.topology, tenants=lab.tenants, draw=schedules)
                    )
            async with asyncio.timeout(SETTLE_S):
                await lab.recovered()
                await load.settled()
                await drained(lab)
        finally:
            await load.close()
            logger.info("acknowledged under load: %s", journal)
        record = await read_record(lab)
        told = [
            fault
            for (tenant, edge), meters in fleets.items()
            for zone in (edge, lab.topology.zones[0].name)
            for fault in await told_faults(journal, lab, zone, tenant, meters[0])
        ]
        shown = {zone: await read_hot(lab, zone, journal.held) for zone in lab.links}

    assert journal.faults == []
    assert watch.doubled == set()
    assert watch.seen > LEAST
    assert record.in_tail == record.quarantined == 0
    assert emulated.faults(record) == []
    assert emulated.figures["acknowledged"] >= LEAST
    faults = cold_faults(journal, record.without(emulated.tenant, emulated.meters))
    assert not faults, some(faults)
    assert not told, some(told)
    for zone, copy in shown.items():
        below = [slot for slot in journal.held if zone not in lab.edges or zone in slot.meter]
        faults = hot_faults(journal, copy, below, zone)
        assert not faults, some(faults)
    assert min(journal.corrections, journal.repeats, journal.retries) >= LEAST, journal
