"""The walls around what one of the platform's services keeps: one Redis user, and no tenant's."""

import asyncio
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from storage.hot.connection import CommandRefused, HotConnection
from storage.hot.durability import NotDurable
from storage.ports import StoreFull, StoreUnavailable
from zones.agent.passwords import Passwords
from zones.agent.walls import Credentials, WallNotBuilt, run_id

TROUBLES = (OSError, NotDurable, StoreUnavailable, StoreFull, CommandRefused)


class ServiceWalls(ABC):
    """Makes the service's user; subclasses say which, and load the functions that it calls."""

    user: ClassVar[str]
    keeps: ClassVar[str]
    """What the user is for, as a message says it."""

    def __init__(self, *, redis_url: str, admin: HotConnection, state_dir: Path) -> None:
        self._redis_url = redis_url
        self._admin = admin
        self._passwords = Passwords(state_dir / "hot")

    @abstractmethod
    async def load(self, redis_url: str) -> None:
        """Prepare the server through the administrator's URL."""

    @abstractmethod
    async def provision(self, redis_url: str, *, password: str) -> str:
        """Make or renew the user through the administrator's URL; return the user's own."""

    async def generation(self) -> str:
        """Return Redis' run id: a restarted server may have lost its users."""
        return await run_id(self._admin)

    async def prepare(self) -> None:
        """Prepare the server.

        Raises:
            WallNotBuilt: it does not answer, or cannot be relied on.
        """
        try:
            await self.load(self._redis_url)
        except TROUBLES as error:
            raise WallNotBuilt(f"the store of {self.keeps}: {error}") from error

    async def admit_platform(self) -> Credentials:
        """Make or renew the service's user.

        Raises:
            WallNotBuilt: the server does not take it.
        """
        try:
            password = await asyncio.to_thread(self._passwords.of, self.user)
            url = await self.provision(self._redis_url, password=password)
        except TROUBLES as error:
            raise WallNotBuilt(f"{self.user}: {error}") from error
        return Credentials(redis_url=url)

    async def admit(self, tenant: str) -> Credentials:
        """Refuse: tenants reach what the service keeps through it alone."""
        raise WallNotBuilt(f"{tenant} has no login to {self.keeps}")

    async def admitted(self) -> frozenset[str]:
        """Return nobody."""
        return frozenset()

    async def dismiss(self, tenant: str) -> None:
        """Return: there is no login to take away."""
        return
