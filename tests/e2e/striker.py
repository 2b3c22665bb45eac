"""Carries out a schedule: finds the process, waits for the moment, kills it with SIGKILL."""

import asyncio
import logging
import random
import time

import asyncpg
import psutil

from tests.e2e import schedule
from tests.e2e.lab import Lab
from tests.e2e.moments import Moments
from tests.e2e.processes import Processes
from tests.e2e.schedule import BACKEND, NOTHING, Strike
from tests.e2e.stores import PAUSE_S, RECORD_LOGIN, cold_store

logger = logging.getLogger(__name__)

STRIKE_S = 150.0
LONGEST_PAUSE_S = 0.8
_BACKEND = """
    SELECT pid FROM pg_stat_activity WHERE application_name = $1
    ORDER BY state = 'active' DESC, state_change DESC LIMIT 1
"""


class Striker:
    """Kills by process id, never by name; each strike has a deadline."""

    def __init__(self, lab: Lab, moments: Moments, draw: random.Random) -> None:
        self._lab = lab
        self._processes = Processes(lab)
        self._moments = moments
        self._draw = draw

    async def carry_out(self, strikes: list[Strike]) -> None:
        """Strike after strike, with short pauses: what was hit may still be coming back."""
        for number, strike in enumerate(strikes, 1):
            began = time.monotonic()
            try:
                async with asyncio.timeout(STRIKE_S):
                    await self._strike(strike)
            except TimeoutError:
                raise AssertionError(
                    f"strike {number}, {strike}: its moment did not come in {STRIKE_S:.0f} s"
                ) from None
            logger.info("%3d %5.1f s  %s", number, time.monotonic() - began, strike)
            await asyncio.sleep(self._draw.uniform(0.0, LONGEST_PAUSE_S))

    async def _strike(self, strike: Strike) -> None:
        victim = None if strike.kind == NOTHING else await self._find(strike)
        async with self._moments.reach(
            strike.moment, zone=strike.at, tenant=strike.tenant
        ) as folding:
            if victim is None:
                return
            if strike.kind == BACKEND and folding is not None:
                victim = psutil.Process(folding)
            try:
                victim.kill()
            except psutil.NoSuchProcess:
                # It was still on its way down from an earlier strike.
                (await self._find(strike)).kill()

    async def _find(self, strike: Strike) -> psutil.Process:
        while True:
            try:
                return psutil.Process(await self._pid(strike))
            except psutil.NoSuchProcess:
                continue

    async def _pid(self, strike: Strike) -> int:
        find = self._processes
        match strike.kind:
            case schedule.POSTGRES:
                return await find.supervised("postgres")
            case schedule.BACKEND:
                return await self._record_backend()
            case schedule.ZYGOTE:
                return await find.zygote(strike.zone)
            case schedule.FORWARDER:
                return await find.worker(strike.zone, "traffic_scheduling", None)
            case schedule.WORKER:
                return await find.worker(strike.zone, "mdms", strike.tenant)
            case _:
                return await find.supervised(f"{strike.kind}-{strike.zone}")

    async def _record_backend(self) -> int:
        while True:
            try:
                async with cold_store(self._lab) as connection:
                    pid = await connection.fetchval(_BACKEND, RECORD_LOGIN)
                    if pid is not None:
                        return int(pid)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                pass
            await asyncio.sleep(PAUSE_S)
