"""The walls of a zone's queues: one login, of the platform's messaging, and no tenant's."""

from storage.hot.acl import MESSAGING_USER, provision_messaging
from storage.hot.durability import verify_durable
from storage.hot.queues.library import install
from zones.agent.service_walls import ServiceWalls


class QueueWalls(ServiceWalls):
    """The Redis user `messaging`, in every tier; at headquarters nobody else has one."""

    user = MESSAGING_USER
    keeps = "the queues"

    async def load(self, redis_url: str) -> None:
        """Read the server's settings back, and load the functions that keep the queues."""
        await verify_durable(redis_url)
        await install(redis_url)

    async def provision(self, redis_url: str, *, password: str) -> str:
        """Make or renew messaging's user."""
        return await provision_messaging(redis_url, password=password)
