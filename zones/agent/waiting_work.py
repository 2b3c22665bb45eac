"""Work that waits in the zone's Redis wakes a worker: nobody has to call for what was left."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Final, cast

from storage.hot.connection import HotConnection
from storage.hot.keys import validation_key
from storage.platform.functions.spec import FunctionSpec
from zones.agent.functions import NotInThisTier, UnknownFunction, ZoneFunctions
from zones.agent.pool import WorkerPool
from zones.agent.starting import StartFailed
from zones.agent.store_figures import ASKING_FAILURES
from zones.agent.worker_config import UnknownTenant

LOOK_EVERY_S: Final = 5.0
STARTS_AT_ONCE: Final = 4
STREAMS: Final[Mapping[str, Callable[[str], str]]] = {"validation": validation_key}
"""By the name in `woken_by`: the stream of a tenant."""

logger = logging.getLogger(__name__)


class WaitingWork:
    """Keeps a worker up for each tenant that has entries on a stream of `woken_by`.

    A worker that is up counts as used as long as there are any, so it does not go to sleep on them.
    """

    def __init__(
        self,
        admin: HotConnection,
        *,
        catalogue: Collection[FunctionSpec],
        tier: int,
        functions: ZoneFunctions,
        pool: WorkerPool,
        tenants: Callable[[], Collection[str] | None],
    ) -> None:
        self._admin = admin
        self._watched = [
            (spec.name, STREAMS[stream])
            for spec in catalogue
            if tier in spec.tiers
            for stream in spec.woken_by
        ]
        self._functions = functions
        self._pool = pool
        self._tenants = tenants
        self._slots = asyncio.Semaphore(STARTS_AT_ONCE)

    async def run(self) -> None:
        """Look again and again; cancel to stop."""
        while self._watched:
            try:
                await self.look()
            except ASKING_FAILURES as error:
                logger.info("nobody knows what waits in the hot store: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Wake a worker for everything that waits now.

        Raises:
            OSError, TimeoutError, StoreUnavailable, CommandRefused: the store does not answer.
        """
        waiting = [
            (tenant, function)
            for function, stream_of in self._watched
            for tenant in self._tenants() or ()
            if cast(int, await self._admin.call("XLEN", stream_of(tenant)))
        ]
        await asyncio.gather(*(self._wake(tenant, function) for tenant, function in waiting))

    async def _wake(self, tenant: str, function: str) -> None:
        async with self._slots:
            try:
                found = self._functions.here(function, tenant=tenant)
                await self._pool.ensure(tenant=tenant, function=found)
            except (StartFailed, UnknownTenant, UnknownFunction, NotInThisTier) as error:
                logger.warning(
                    "what waits for %s of %s goes on waiting: %s", function, tenant, error
                )
