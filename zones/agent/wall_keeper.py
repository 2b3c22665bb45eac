"""Admits the snapshot's tenants to the zone's store and keeps them admitted."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable

from zones.agent.walls import Credentials, WallNotBuilt, Walls
from zones.backoff import backoff_s

CHECK_S = 2.0
WAIT_DEADLINE_S = 8.0

logger = logging.getLogger(__name__)


class WallKeeper:
    """`tenants` is asked for the slugs that belong here; `run` keeps up with it."""

    def __init__(self, walls: Walls, *, tenants: Callable[[], Iterable[str]]) -> None:
        self._walls = walls
        self._tenants = tenants
        self._generation: str | None = None
        self._admitted: dict[str, Credentials] = {}
        self._platform: Credentials | None = None
        self._moved = asyncio.Event()
        self._asked = asyncio.Event()

    @property
    def done(self) -> bool:
        """Whether every tenant that belongs here, and the platform, has its login."""
        return self._platform is not None and self._admitted.keys() >= set(self._tenants())

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
            try:
                await self.reconcile()
                failures = 0
                pause = CHECK_S
            except WallNotBuilt as error:
                failures += 1
                pause = backoff_s(failures=failures, jitter=random.random())
                logger.warning("walls: %s; again in %.1f s", error, pause)
            self._asked.clear()
            try:
                async with asyncio.timeout(pause):
                    await self._asked.wait()
                    # Callers waiting for a store that is gone must not turn this into a spin.
                    await asyncio.sleep(0.05 if failures == 0 else pause)
            except TimeoutError:
                continue

    async def reconcile(self) -> None:
        """Admit whoever is missing, everybody when the store is another one than before.

        Raises:
            WallNotBuilt: at least one could not be admitted; the others were.
        """
        generation = await self._walls.generation()
        renew = generation != self._generation
        refused: list[str] = []
        if renew:
            await self._walls.prepare()
        if self._platform is None or renew:
            self._platform = await self._walls.admit_platform()
        for tenant in self._tenants():
            if renew or tenant not in self._admitted:
                try:
                    self._admitted[tenant] = await self._walls.admit(tenant)
                except WallNotBuilt as error:
                    refused.append(str(error))
                self._moved.set()
                self._moved = asyncio.Event()
        if refused:
            raise WallNotBuilt("; ".join(refused))
        self._generation = generation
        self._moved.set()
        self._moved = asyncio.Event()

    def _find(self, tenant: str | None) -> Credentials | None:
        return self._platform if tenant is None else self._admitted.get(tenant)
