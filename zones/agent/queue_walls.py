"""The walls of a zone's queues: one login, of the platform's messaging, and no tenant's."""

import asyncio
from pathlib import Path

from storage.hot.acl import MESSAGING_USER, provision_messaging
from storage.hot.connection import CommandRefused, HotConnection
from storage.hot.durability import NotDurable, verify_durable
from storage.hot.queues.library import install
from storage.ports import StoreFull, StoreUnavailable
from zones.agent.passwords import Passwords
from zones.agent.walls import Credentials, WallNotBuilt, run_id


class QueueWalls:
    """The Redis user `messaging`, in every tier; at headquarters nobody else has one."""

    def __init__(self, *, redis_url: str, admin: HotConnection, state_dir: Path) -> None:
        self._redis_url = redis_url
        self._admin = admin
        self._passwords = Passwords(state_dir / "hot")

    async def generation(self) -> str:
        """Return Redis' run id: a restarted server may have lost its users."""
        return await run_id(self._admin)

    async def prepare(self) -> None:
        """Read the server's settings back, and load the functions that keep the queues."""
        try:
            await verify_durable(self._redis_url)
            await install(self._redis_url)
        except (NotDurable, StoreUnavailable, StoreFull, CommandRefused) as error:
            raise WallNotBuilt(
                f"the store of the queues is not to be relied on: {error}"
            ) from error

    async def admit_platform(self) -> Credentials:
        """Make or renew messaging's Redis user."""
        try:
            password = await asyncio.to_thread(self._passwords.of, MESSAGING_USER)
            url = await provision_messaging(self._redis_url, password=password)
        except (OSError, StoreUnavailable, StoreFull, CommandRefused) as error:
            raise WallNotBuilt(f"{MESSAGING_USER}: {error}") from error
        return Credentials(redis_url=url)

    async def admit(self, tenant: str) -> Credentials:
        """Refuse: tenants reach their queues by messaging alone."""
        raise WallNotBuilt(f"{tenant} has no login to the queues")

    async def admitted(self) -> frozenset[str]:
        """Return nobody."""
        return frozenset()

    async def dismiss(self, tenant: str) -> None:
        """Do nothing: there is no login to take away."""
