"""A zone's walls: every tenant has its own login to the zone's store before its workers start."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from storage.cold.walls import LoginNotWalled
from storage.hot import library
from storage.hot.acl import (
    SlugRefused,
    provision_link,
    provision_tenant,
    provisioned_tenants,
    revoke_tenant,
)
from storage.hot.connection import CommandRefused, HotConnection
from storage.hot.durability import NotDurable, verify_durable
from storage.platform.failures import RECORD_FAILURES
from storage.platform.provision import TenantLoginUnreadable, TenantProvisioner
from storage.platform.slug import InvalidSlug
from storage.ports import StoreFull, StoreUnavailable
from zones.agent.passwords import Passwords

_REFUSED: tuple[type[Exception], ...] = (
    InvalidSlug,
    LoginNotWalled,
    TenantLoginUnreadable,
    *RECORD_FAILURES,
)


class WallNotBuilt(Exception):
    """The store could not be reached or refused; the tenant gets no worker until it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What one worker may log in with; None where its tier has no such store."""

    redis_url: str | None = field(default=None, repr=False)
    database_url: str | None = field(default=None, repr=False)


class Walls(Protocol):
    """The store of one zone as its tenants meet it."""

    async def generation(self) -> str:
        """Name the running server; under another name every tenant is to be admitted again.

        Raises:
            WallNotBuilt: the store does not answer.
        """

    async def prepare(self) -> None:
        """Bring a server of a new generation to what all tenants need; harmless when repeated.

        Raises:
            WallNotBuilt: the store does not answer, or refuses.
        """

    async def admit(self, tenant: str) -> Credentials:
        """Give the tenant its login; harmless when it has it.

        Raises:
            WallNotBuilt: the store does not answer, or refuses this tenant.
        """

    async def admitted(self) -> frozenset[str]:
        """Name the tenants that have a login now, those of an earlier agent among them.

        Raises:
            WallNotBuilt: the store does not answer.
        """

    async def dismiss(self, tenant: str) -> None:
        """Take the tenant's login away and end its connections; what it stored stays.

        Raises:
            WallNotBuilt: the store does not answer, or refuses.
        """

    async def admit_platform(self) -> Credentials:
        """Give the platform's own functions their login, which reaches uplinks only.

        Raises:
            WallNotBuilt: as `admit`.
        """


class HotWalls:
    """Redis users, in tiers 2 and 3."""

    def __init__(self, *, redis_url: str, admin: HotConnection, state_dir: Path) -> None:
        self._redis_url = redis_url
        self._admin = admin
        self._passwords = Passwords(state_dir / "hot")

    async def generation(self) -> str:
        """Return Redis' run id: a restarted server may have lost its users."""
        return await run_id(self._admin)

    async def prepare(self) -> None:
        """Read the server's settings back, and load the functions that workers call.

        A server that would lose what it acknowledged gets no tenant.
        """
        try:
            await verify_durable(self._redis_url)
        except (NotDurable, StoreUnavailable, StoreFull, CommandRefused) as error:
            raise WallNotBuilt(f"the hot store is not to be relied on: {error}") from error
        try:
            await library.install(self._redis_url)
        except (StoreUnavailable, StoreFull, CommandRefused) as error:
            raise WallNotBuilt(f"the function library: {error}") from error

    async def admit(self, tenant: str) -> Credentials:
        """Make or renew the tenant's Redis user."""
        try:
            password = await asyncio.to_thread(self._passwords.of, f"t:{tenant}")
            url = await provision_tenant(self._redis_url, tenant, password=password)
        except (OSError, SlugRefused, StoreUnavailable, StoreFull, CommandRefused) as error:
            raise WallNotBuilt(f"{tenant}: {error}") from error
        return Credentials(redis_url=url)

    async def admitted(self) -> frozenset[str]:
        """Read the names of Redis' users."""
        try:
            return await provisioned_tenants(self._redis_url)
        except (StoreUnavailable, StoreFull, CommandRefused) as error:
            raise WallNotBuilt(str(error)) from error

    async def dismiss(self, tenant: str) -> None:
        """Remove the tenant's Redis user, and its password from the disk."""
        try:
            await revoke_tenant(self._redis_url, tenant)
            await asyncio.to_thread(self._passwords.forget, f"t:{tenant}")
        except (OSError, StoreUnavailable, StoreFull, CommandRefused) as error:
            raise WallNotBuilt(f"{tenant}: {error}") from error

    async def admit_platform(self) -> Credentials:
        """Make or renew the link's Redis user."""
        try:
            password = await asyncio.to_thread(self._passwords.of, "link")
            url = await provision_link(self._redis_url, password=password)
        except (OSError, StoreUnavailable, StoreFull, CommandRefused) as error:
            raise WallNotBuilt(f"link: {error}") from error
        return Credentials(redis_url=url)


async def run_id(admin: HotConnection) -> str:
    """Name the running Redis server: it has another name after each start.

    Raises:
        WallNotBuilt: it does not answer.
    """
    try:
        info = await admin.call("INFO", "server")
    except (StoreUnavailable, StoreFull, CommandRefused) as error:
        raise WallNotBuilt(str(error)) from error
    assert isinstance(info, bytes)
    for line in info.decode().splitlines():
        name, _, value = line.partition(":")
        if name == "run_id":
            return value
    raise WallNotBuilt("the hot store does not tell its run id")


class ColdWalls:
    """PostgreSQL logins and schemas, in tier 1."""

    def __init__(self, *, database_url: str, engine: AsyncEngine, state_dir: Path) -> None:
        self._provisioner = TenantProvisioner(
            engine=engine, database_url=database_url, state_dir=state_dir
        )

    async def generation(self) -> str:
        """Return a constant: logins survive a restart of PostgreSQL."""
        return "durable"

    async def prepare(self) -> None:
        """Do nothing: migrations belong to whoever starts the zone."""

    async def admit(self, tenant: str) -> Credentials:
        """Make or complete the tenant's login, schema and tables."""
        try:
            url = await self._provisioner.provision(tenant)
        except _REFUSED as error:
            raise WallNotBuilt(f"{tenant}: {error}") from error
        return Credentials(database_url=url)

    async def admitted(self) -> frozenset[str]:
        """Read which recorded tenants have a login."""
        try:
            return await self._provisioner.provisioned()
        except RECORD_FAILURES as error:
            raise WallNotBuilt(str(error)) from error

    async def dismiss(self, tenant: str) -> None:
        """Turn the tenant's login off."""
        try:
            await self._provisioner.revoke(tenant)
        except RECORD_FAILURES as error:
            raise WallNotBuilt(f"{tenant}: {error}") from error

    async def admit_platform(self) -> Credentials:
        """Return no login: tier 1 has no uplink."""
        return Credentials()
