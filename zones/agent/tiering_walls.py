"""The walls of the tiers: one login, of the platform's hot_storage, and no tenant's."""

import asyncio
from pathlib import Path
from typing import Final

from storage.hot.acl import TIERING_USER, provision_tiering
from storage.hot.connection import CommandRefused, HotConnection
from storage.hot.library import install
from storage.ports import StoreFull, StoreUnavailable
from zones.agent.passwords import Passwords
from zones.agent.walls import Credentials, WallNotBuilt, run_id

TIERING_SERVICE: Final = "hot_storage"
"""The function that gets the login."""


class TieringWalls:
    """The Redis user `tiering`, in tiers 2 and 3."""

    def __init__(self, *, redis_url: str, admin: HotConnection, state_dir: Path) -> None:
        self._redis_url = redis_url
        self._admin = admin
        self._passwords = Passwords(state_dir / "hot")

    async def generation(self) -> str:
        """Return Redis' run id: a restarted server may have lost its users."""
        return await run_id(self._admin)

    async def prepare(self) -> None:
        """Load the functions that read and drop blocks."""
        try:
            await install(self._redis_url)
        except (StoreUnavailable, StoreFull, CommandRefused) as error:
            raise WallNotBuilt(f"the function library: {error}") from error

    async def admit_platform(self) -> Credentials:
        """Make or renew the Redis user of tiering."""
        try:
            password = await asyncio.to_thread(self._passwords.of, TIERING_USER)
            url = await provision_tiering(self._redis_url, password=password)
        except (OSError, StoreUnavailable, StoreFull, CommandRefused) as error:
            raise WallNotBuilt(f"{TIERING_USER}: {error}") from error
        return Credentials(redis_url=url)

    async def admit(self, tenant: str) -> Credentials:
        """Refuse: tenants move no blocks between tiers themselves."""
        raise WallNotBuilt(f"{tenant} has no login to the tiers")

    async def admitted(self) -> frozenset[str]:
        """Return nobody."""
        return frozenset()

    async def dismiss(self, tenant: str) -> None:
        """Do nothing: there is no login to take away."""
