"""Gateways and agents killed under load: every answered call is in headquarters' ledger, once."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from storage.platform.ledger.segment import SUFFIX
from storage.platform.registry import open_registry
from tests.e2e.callers import DEADLINE_S, Callers
from tests.e2e.lab import Lab
from tests.e2e.processes import Processes
from tests.e2e.seed import SEED

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

ANSWERS_PER_KILL = 40
ROUNDS = 3


async def calls_at_headquarters(lab: Lab) -> Counter[str]:
    """Every call id in the ledger, and how often it is there."""
    now = datetime.now(UTC)
    day = timedelta(days=1)
    async with open_registry(lab.running.stores.database_url) as registry:
        found = registry.ledger.read(since=now - day, until=now + day)
        return Counter([record.call_id async for record in found])


async def test_every_answered_call_is_billed_once(shared_lab: Lab) -> None:
    lab, draw, processes = shared_lab, random.Random(f"{SEED} ledger"), Processes(shared_lab)
    callers = Callers(lab)
    victims = [f"{kind}-{z.name}" for z in lab.topology.zones for kind in ("gateway", "agent")]
    async with callers.calling():
        for _ in range(ROUNDS):
            for name in draw.sample(victims, k=len(victims)):
                await callers.more(ANSWERS_PER_KILL)
                psutil.Process(await processes.supervised(name)).kill()
        await callers.more(ANSWERS_PER_KILL)
    async with asyncio.timeout(DEADLINE_S):
        await lab.recovered()
        while True:
            found = await calls_at_headquarters(lab)
            if callers.answered.keys() <= found.keys():
                break
            await asyncio.sleep(0.5)

    assert len(callers.answered) > ROUNDS * len(victims) * ANSWERS_PER_KILL
    assert [call for call, times in found.items() if times > 1] == []


async def test_what_headquarters_has_is_removed_where_it_came_from(shared_lab: Lab) -> None:
    folders = [shared_lab.home.zone_state(z.name) / "ledger" for z in shared_lab.topology.zones]

    # A gateway that lives holds one segment; those of the killed ones go when they are shipped.
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if all(len(list(folder.glob(f"*{SUFFIX}"))) <= 1 for folder in folders):
                break
            await asyncio.sleep(0.2)

    assert all(list(folder.glob("*.damaged")) == [] for folder in folders)
