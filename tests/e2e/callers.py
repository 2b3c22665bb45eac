"""Callers in every zone of a lab, who note which calls were answered."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from tests.e2e.lab import Lab

PATH = "/v1/mdms/meters?limit=1"
CALLERS_PER_ZONE = 3
DEADLINE_S = 200


@dataclass(frozen=True, slots=True)
class Answered:
    """A call that was answered with 200, and how many bytes its body had."""

    tenant: str
    zone: str
    bytes_out: int


class Callers:
    """`answered` has the calls that were answered with 200, by their ids."""

    def __init__(self, lab: Lab, *, tenants: Sequence[str] | None = None) -> None:
        self._lab = lab
        self._tenants = lab.tenants if tenants is None else tenants
        self.answered: dict[str, Answered] = {}
        self._more = asyncio.Condition()

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[None]:
        """Call for the length of a block."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._call(zone.name, zone.port, tenant))
                for zone in self._lab.topology.zones
                for tenant in self._tenants
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

    async def _call(self, zone: str, port: int, tenant: str) -> None:
        headers = {"authorization": f"Bearer {self._lab.running.keys.tenants[tenant]}"}
        url = f"http://127.0.0.1:{port}{PATH}"
        async with httpx.AsyncClient(headers=headers, timeout=20, trust_env=False) as client:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    answer = await client.get(url)
                    if answer.status_code == 200:
                        async with self._more:
                            call = Answered(tenant, zone, len(answer.content))
                            self.answered[answer.headers["x-call-id"]] = call
                            self._more.notify_all()
                await asyncio.sleep(0.01)
