"""Keeps the logins to the zone's store those of the snapshot's tenants."""

import asyncio
import logging
import random
from collections.abc import Callable, Collection

from zones.agent.walls import Credentials, WallNotBuilt, Walls
from zones.backoff import backoff_s

CHECK_S = 2.0
WAIT_DEADLINE_S = 8.0

logger = logging.getLogger(__name__)


class WallKeeper:
    """`tenants` is asked for the slugs that belong here, None while that is not known."""

    def __init__(self, walls: Walls, *, tenants: Callable[[], Collection[str] | None]) -> None:
        self._walls = walls
        self._tenants = tenants
        self._generation: str | None = None
        self._admitted: dict[str, Credentials] = {}
        self._platform: Credentials | None = None
        self._settled: frozenset[str] | None = None
        self._moved = asyncio.Event()
        self._asked = asyncio.Event()

    @property
    def done(self) -> bool:
        """Whether every tenant that belongs here, and the platform, has its login."""
        tenants = self._tenants()
        return (
            self._platform is not None
            and tenants is not None
            and self._admitted.keys() == set(tenants)
        )

    def poke(self) -> None:
        """Look again now: the tenants may have changed."""
        self._asked.set()

    async def credentials(self, tenant: str | None) -> Credentials:
        """Return the login of a tenant, or of the platform for None.

        Raises:
            WallNotBuilt: there is none within the deadline.
        """
        try:
            async with asyncio.timeout(WAIT_DEADLINE_S):
                while (found := self._find(tenant)) is None:
                    self._asked.set()
                    await self._moved.wait()
        except TimeoutError as error:
            raise WallNotBuilt(f"{tenant or 'the platform'} has no login to the store") from error
        return found

    async def run(self) -> None:
        """Reconcile for ever; cancel to stop."""
        failures = 0
        while True:
            self._asked.clear()
            try:
                await self.reconcile()
                failures = 0
                pause = CHECK_S
            except WallNotBuilt as error:
                failures += 1
                pause = backoff_s(failures=failures, jitter=random.random())
                logger.warning("walls: %s; again in %.1f s", error, pause)
            try:
                async with asyncio.timeout(pause):
                    await self._asked.wait()
                    # Callers waiting for a store that is gone must not turn this into a spin.
                    await asyncio.sleep(0.05 if failures == 0 else pause)
            except TimeoutError:
                continue

    async def reconcile(self) -> None:
        """Admit whoever is missing, everybody when the store is another one than before.

        Whoever has a login and does not belong here loses it, also one of an earlier agent's.

        Raises:
            WallNotBuilt: at least one could not be admitted or dismissed; the others were.
        """
        generation = await self._walls.generation()
        renew = generation != self._generation
        if renew:
            await self._walls.prepare()
        if self._platform is None or renew:
            self._platform = await self._walls.admit_platform()
            self._tell()
        tenants = self._tenants()
        refused: list[str] = []
        if tenants is not None:
            await self._dismiss_others(frozenset(tenants), renew=renew, refused=refused)
            for tenant in tenants:
                if renew or tenant not in self._admitted:
                    await self._admit(tenant, refused)
        if refused:
            raise WallNotBuilt("; ".join(refused))
        self._generation = generation

    async def _admit(self, tenant: str, refused: list[str]) -> None:
        try:
            self._admitted[tenant] = await self._walls.admit(tenant)
        except WallNotBuilt as error:
            refused.append(str(error))
        self._tell()

    async def _dismiss_others(
        self, tenants: frozenset[str], *, renew: bool, refused: list[str]
    ) -> None:
        if tenants == self._settled and not renew:
            return
        # No worker is given these logins from here on, whatever becomes of them.
        for tenant in self._admitted.keys() - tenants:
            del self._admitted[tenant]
        for tenant in sorted(await self._walls.admitted() - tenants):
            try:
                await self._walls.dismiss(tenant)
                logger.info("tenant %s has left: its login to the store is gone", tenant)
            except WallNotBuilt as error:
                refused.append(str(error))
        if not refused:
            self._settled = tenants

    def _tell(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def _find(self, tenant: str | None) -> Credentials | None:
        return self._platform if tenant is None else self._admitted.get(tenant)
