"""Gives a tenant its place in PostgreSQL and keeps the password of its login on disk."""

import asyncio
import secrets
from pathlib import Path

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.cold.auditor import open_to_auditor
from storage.cold.walls import (
    provision_tenant,
    provisioned_tenants,
    revoke_tenant,
    tenant_database_url,
    tenant_role,
)
from storage.platform.slug import check_slug
from storage.platform.snapshot import write_private


class TenantLoginUnreadable(Exception):
    """The file of a tenant's login exists but holds none."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} holds no login")
        self.path = path


class _Login(msgspec.Struct, frozen=True):
    postgresql_password: str


class TenantProvisioner:
    """Provisions tenants at HQ. Passwords live in `STATE_DIR/tenants/<slug>.json`, mode 0600."""

    def __init__(self, *, engine: AsyncEngine, database_url: str, state_dir: Path) -> None:
        self._engine = engine
        self._database_url = database_url
        self._folder = state_dir / "tenants"

    async def provision(self, tenant: str) -> str:
        """Make sure that `tenant` has its login and schema; return the URL for its workers.

        The password is on disk before the login has it, so a crash between the two is healed by
        the next call.

        Raises:
            storage.platform.slug.InvalidSlug: `tenant` is not a slug.
            TenantLoginUnreadable: its file is damaged.
            storage.cold.walls.LoginNotWalled: its login is more than a tenant's.
        """
        path = self._folder / f"{check_slug(tenant)}.json"
        password = await asyncio.to_thread(_kept_password, path)
        await provision_tenant(self._engine, tenant, password=password)
        async with self._engine.begin() as connection:
            await open_to_auditor(connection, tenant_role(tenant))
        return tenant_database_url(self._database_url, tenant, password)

    async def provisioned(self) -> frozenset[str]:
        """Return the tenants whose login works."""
        return await provisioned_tenants(self._engine)

    async def revoke(self, tenant: str) -> None:
        """End the tenant's login and its sessions, and forget its password; its data stays.

        Raises:
            storage.platform.slug.InvalidSlug: `tenant` is not a slug.
        """
        await revoke_tenant(self._engine, tenant)
        path = self._folder / f"{tenant}.json"
        await asyncio.to_thread(path.unlink, missing_ok=True)


def _kept_password(path: Path) -> str:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Login).postgresql_password
    except FileNotFoundError:
        password = secrets.token_urlsafe(32)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_private(path, msgspec.json.encode(_Login(password)))
        return password
    except msgspec.DecodeError as error:
        raise TenantLoginUnreadable(path) from error
