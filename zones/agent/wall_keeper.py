"""Keeps the logins to the zone's store those of the snapshot's tenants."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from zones.agent.walls import Credentials, WallNotBuilt, Walls
from zones.backoff import backoff_s

CHECK_S = 2.0
WAIT_DEADLINE_S = 8.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Refusal:
    """Why a tenant has no login, how often in a row, and when to try again (monotonic, s)."""

    reason: str = ""
    times: int = 0
    again_at_s: float = 0.0


class WallKeeper:
    """`tenants` is asked for the slugs that belong here, None while that is not known.

    A tenant that the store refuses is tried again in its own time, and delays no other.
    """

    def __init__(
        self,
        walls: Walls,
        *,
        tenants: Callable[[], Collection[str] | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._walls = walls
        self._tenants = tenants
        self._clock = clock
        self._refused: dict[str, _Refusal] = {}
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
                pause = self._pause_s()
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
        Tenants that the store refuses alone are logged, and left until their time has come.

        Raises:
            WallNotBuilt: the store itself does not answer, or not well.
        """
        generation = await self._walls.generation()
        if generation != self._generation:
            await self._walls.prepare()
            self._platform = None
            self._settled = None
            self._admitted.clear()
            self._refused.clear()
            self._generation = generation
        if self._platform is None:
            self._platform = await self._walls.admit_platform()
            self._tell()
        tenants = self._tenants()
        if tenants is None:
            return
        await self._dismiss_others(frozenset(tenants))
        for slug in self._refused.keys() - set(tenants):
            del self._refused[slug]
        missing = [tenant for tenant in tenants if tenant not in self._admitted]
        # Those that were never refused first: an attempt may take the store's whole deadline.
        for tenant in sorted(missing, key=lambda slug: slug in self._refused):
            refusal = self._refused.get(tenant)
            if refusal is None or refusal.again_at_s <= self._clock():
                await self._admit(tenant)

    async def _admit(self, tenant: str) -> None:
        try:
            self._admitted[tenant] = await self._walls.admit(tenant)
        except WallNotBuilt as error:
            refusal = self._refused.setdefault(tenant, _Refusal())
            refusal.times += 1
            pause_s = backoff_s(failures=refusal.times, jitter=random.random())
            refusal.again_at_s = self._clock() + pause_s
            if refusal.reason != str(error):
                refusal.reason = str(error)
                logger.warning("walls: %s; trying again in %.1f s", error, pause_s)
        else:
            if self._refused.pop(tenant, None) is not None:
                logger.info("walls: %s has its login after all", tenant)
        self._tell()

    def _pause_s(self) -> float:
        """Until the next look: sooner when a refused tenant's time comes before."""
        again = min((one.again_at_s for one in self._refused.values()), default=float("inf"))
        return min(CHECK_S, max(0.05, again - self._clock()))

    async def _dismiss_others(self, tenants: frozenset[str]) -> None:
        if tenants == self._settled:
            return
        # No worker is given these logins from here on, whatever becomes of them.
        for tenant in self._admitted.keys() - tenants:
            del self._admitted[tenant]
        settled = True
        for tenant in sorted(await self._walls.admitted() - tenants):
            try:
                await self._walls.dismiss(tenant)
                logger.info("tenant %s has left: its login to the store is gone", tenant)
            except WallNotBuilt as error:
                settled = False
                logger.warning("walls: %s; trying again", error)
        self._settled = tenants if settled else None

    def _tell(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def _find(self, tenant: str | None) -> Credentials | None:
        return self._platform if tenant is None else self._admitted.get(tenant)
