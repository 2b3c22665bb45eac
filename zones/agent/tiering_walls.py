"""The walls of the tiers: one login, of the platform's hot_storage, and no tenant's."""

from typing import Final

from storage.hot.acl import TIERING_USER, provision_tiering
from storage.hot.library import install
from zones.agent.service_walls import ServiceWalls

TIERING_SERVICE: Final = "hot_storage"
"""The function that gets the login."""


class TieringWalls(ServiceWalls):
    """The Redis user `tiering`, in tiers 2 and 3."""

    user = TIERING_USER
    keeps = "the tiers"

    async def load(self, redis_url: str) -> None:
        """Load the functions that read and drop blocks."""
        await install(redis_url)

    async def provision(self, redis_url: str, *, password: str) -> str:
        """Make or renew tiering's user."""
        return await provision_tiering(redis_url, password=password)
