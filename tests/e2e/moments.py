"""The moments at which a process is killed: each is seen, not guessed by a clock."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeAlias

import asyncpg
import redis

from tests.e2e.lab import Lab
from tests.e2e.load import Load
from tests.e2e.stores import PAUSE_S, RECORD_LOGIN, cold_store, schema, waiting_above

SENDING = "while readings arrive"
PASSING = "while its parent handles entries"
ANSWERED = "between the parent's answer and its arrival"
ANSWER_LOST = "when the parent's answer gets lost"
CUT_OFF = "while entries pile up behind a cut link"
STALLED = "while entries pile up behind a silent link"
FOLD_LOG = "while a fold logs what is replaced"
FOLD_BLOCKS = "while a fold writes blocks"
FOLD_TAIL = "while a fold drops the tail"

# What the fold is made to wait for, as any other reader of the tables might make it wait.
_OBSTACLES = {
    FOLD_LOG: 'LOCK TABLE "{schema}".revisions IN SHARE MODE',
    FOLD_BLOCKS: 'LOCK TABLE "{schema}".blocks IN SHARE MODE',
    FOLD_TAIL: 'SELECT FROM "{schema}".tail FOR KEY SHARE',
}
FOLDS = tuple(_OBSTACLES)
_STUCK = """
    SELECT pid FROM pg_stat_activity
    WHERE application_name = $1 AND pg_backend_pid() = ANY (pg_blocking_pids(pid))
"""
PILE = 8

_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Moments:
    """Waits for a moment and keeps it for the length of a block, then lets things go on."""

    def __init__(self, lab: Lab, load: Load, draw: random.Random) -> None:
        self._lab = lab
        self._load = load
        self._draw = draw

    def reach(
        self, moment: str, *, zone: str, tenant: str
    ) -> AbstractAsyncContextManager[int | None]:
        """The moment at a zone: of the edge's own readings, or of the link above the zone.

        The block is given the process id of the backend that folds, where one does.
        """
        if moment == SENDING:
            return self._sending(zone)
        if moment == PASSING:
            return self._passing(zone)
        if moment in (ANSWERED, ANSWER_LOST):
            return self._answered(zone, lose=moment == ANSWER_LOST)
        if moment in (CUT_OFF, STALLED):
            return self._piling_up(zone, cut=moment == CUT_OFF)
        return self._folding(moment, zone, tenant)

    @asynccontextmanager
    async def _sending(self, zone: str) -> AsyncIterator[None]:
        await self._load.acknowledged(zone, self._draw.randint(1, 15))
        yield

    @asynccontextmanager
    async def _passing(self, zone: str) -> AsyncIterator[None]:
        await self._lab.links[zone].uplink_passed()
        yield

    @asynccontextmanager
    async def _answered(self, zone: str, *, lose: bool) -> AsyncIterator[None]:
        async with self._lab.links[zone].uplink_answered(lose=lose):
            yield

    @asynccontextmanager
    async def _piling_up(self, zone: str, *, cut: bool) -> AsyncIterator[None]:
        async with self._broken(zone, cut=cut):
            await self._pile(zone)
            yield
            # What comes back up has to find its way with the link still down.
            await asyncio.sleep(self._draw.uniform(0.0, 1.0))

    @asynccontextmanager
    async def _broken(self, zone: str, *, cut: bool = True) -> AsyncIterator[None]:
        link = self._lab.links[zone]
        if cut:
            link.cut()
        else:
            link.stall()
        try:
            yield
        finally:
            link.heal()

    async def _pile(self, zone: str) -> None:
        while True:
            try:
                if await waiting_above(self._lab, zone) >= PILE:
                    return
            except (OSError, redis.RedisError):
                pass
            await asyncio.sleep(PAUSE_S)

    @asynccontextmanager
    async def _folding(self, moment: str, zone: str, tenant: str) -> AsyncIterator[int]:
        """Hold a fold in the middle; days that are over are folded when nothing more arrives."""
        backend = None
        async with AsyncExitStack() as stack:
            while backend is None:
                try:
                    connection = await stack.enter_async_context(cold_store(self._lab))
                    await _until_tail_holds(connection, tenant, self._draw.randint(20, 60))
                    await stack.enter_async_context(self._broken(zone))
                    backend = await _stop_the_fold(connection, moment, tenant)
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    # PostgreSQL is on its way back from an earlier kill.
                    await asyncio.sleep(PAUSE_S)
                if backend is None:
                    await stack.aclose()
            yield backend


async def _until_tail_holds(connection: _Connection, tenant: str, rows: int) -> None:
    count = f'SELECT count(*) FROM "{schema(tenant)}".tail'
    while True:
        if await connection.fetchval(count) >= rows:
            return
        await asyncio.sleep(PAUSE_S)


async def _stop_the_fold(connection: _Connection, moment: str, tenant: str) -> int | None:
    """Get in the way of the tenant's next fold; return its backend, None when it got past."""
    name = schema(tenant)
    await connection.execute("BEGIN")
    await connection.execute(_OBSTACLES[moment].format(schema=name))
    while True:
        # Within a transaction the activity would stay as it was first seen.
        await connection.execute("SELECT pg_stat_clear_snapshot()")
        stuck = await connection.fetchval(_STUCK, RECORD_LOGIN)
        if stuck is not None:
            return int(stuck)
        if not await connection.fetchval(f'SELECT EXISTS (SELECT FROM "{name}".tail)'):
            return None
        await asyncio.sleep(PAUSE_S)
