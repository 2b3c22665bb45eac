"""Gateways and agents killed under load: every answered call is in headquarters' ledger, once."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import psutil
import pytest

from storage.platform.ledger.segment import SUFFIX
from storage.platform.registry import open_registry
from tests.e2e.lab import Lab
from tests.e2e.processes import Processes
from tests.e2e.seed import SEED

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

PATH = "/v1/mdms/meters?limit=1"
CALLERS_PER_ZONE = 3
ANSWERS_PER_KILL = 40
ROUNDS = 3
DEADLINE_S = 200


class Callers:
    """Callers in every zone; `answered` has the ids of the calls that were answered with 200."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.answered: set[str] = set()
        self._more = asyncio.Condition()

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[None]:
        """Call for the length of a block."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._call(zone.port, tenant))
                for zone in self._lab.topology.zones
                for tenant in self._lab.tenants
                for _ in range(CALLERS_PER_ZONE)
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def more(self, count: int) -> None:
        """Return when so many more calls are answered."""
        target = len(self.answered) + count
        async with self._more, asyncio.timeout(DEADLINE_S):
            await self._more.wait_for(lambda: len(self.answered) >= target)

    async def _call(self, port: int, tenant: str) -> None:
        headers = {"authorization": f"Bearer {self._lab.running.keys.tenants[tenant]}"}
        url = f"http://127.0.0.1:{port}{PATH}"
        async with httpx.AsyncClient(headers=headers, timeout=20, trust_env=False) as client:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    answer = await client.get(url)
                    if answer.status_code == 200:
                        async with self._more:
                            self.answered.add(answer.headers["x-call-id"])
                            self._more.notify_all()
                await asyncio.sleep(0.01)


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
            if callers.answered <= found.keys():
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
