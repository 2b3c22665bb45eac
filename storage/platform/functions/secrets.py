"""What tenants' functions know and nobody else shall: in the record, and in their zones."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.platform import tables, version
from storage.platform.snapshot import SecretEntry
from storage.platform.tenants import UnknownTenant

MAX_SECRETS: Final = 100
MAX_VALUE_BYTES: Final = 4_096
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_COLUMNS = tables.function_secrets.c


class InvalidSecret(ValueError):
    """The name or the value cannot be one; the message says why, without the value."""


class UnknownSecret(Exception):
    """The tenant has no such secret."""

    def __init__(self, tenant: str, name: str) -> None:
        super().__init__(f"tenant {tenant} has no secret {name[:64]}")
        self.name = name


class TooManySecrets(Exception):
    """The tenant has as many secrets as it may."""

    def __init__(self, tenant: str, most: int) -> None:
        super().__init__(f"tenant {tenant} has {most} secrets, the most that it may: remove one")
        self.most = most


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretName:
    """A secret as it may be shown; `changed_at` is aware UTC."""

    name: str
    changed_at: datetime


class FunctionSecrets:
    """Secrets in PostgreSQL, by tenant and name."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def set(self, tenant: str, name: str, value: str) -> None:
        """Give a secret a value; workers that ask for it are replaced.

        Raises:
            InvalidSecret: the name is none, or the value is too long or has a NUL.
            storage.platform.tenants.UnknownTenant: the tenant is not recorded.
            TooManySecrets: the tenant may have no more.
        """
        if _NAME.fullmatch(name) is None:
            raise InvalidSecret(f"{name[:64]!r} is no name: letters, digits, _ and -")
        if len(value.encode()) > MAX_VALUE_BYTES or "\0" in value:
            raise InvalidSecret(f"a secret is at most {MAX_VALUE_BYTES} bytes, without NUL")
        async with self._engine.begin() as connection:
            await version.lock(connection)
            known = {entry.name: entry.value for entry in await secrets(connection, tenant=tenant)}
            if known.get(name) == value:
                return
            if name not in known and len(known) >= MAX_SECRETS:
                raise TooManySecrets(tenant, MAX_SECRETS)
            tenants = tables.tenants.c.slug
            found = await connection.execute(select(tenants).where(tenants == tenant))
            if found.one_or_none() is None:
                raise UnknownTenant(tenant)
            row = {"value": value, "changed_at": func.now()}
            await connection.execute(
                insert(tables.function_secrets)
                .values(tenant=tenant, name=name, **row)
                .on_conflict_do_update(index_elements=["tenant", "name"], set_=row)
            )
            await version.bump(connection)

    async def list(self, tenant: str) -> list[SecretName]:
        """Return the names of a tenant's secrets, never their values."""
        wanted = select(_COLUMNS.name, _COLUMNS.changed_at).where(_COLUMNS.tenant == tenant)
        async with self._engine.connect() as connection:
            rows = await connection.execute(wanted.order_by(_COLUMNS.name))
            return [SecretName(name=row.name, changed_at=row.changed_at) for row in rows]

    async def remove(self, tenant: str, name: str) -> None:
        """Forget a secret; functions that ask for it are not started any more.

        Raises:
            UnknownSecret: the tenant has none of that name.
        """
        this = (_COLUMNS.tenant == tenant) & (_COLUMNS.name == name)
        async with self._engine.begin() as connection:
            await version.lock(connection)
            gone = await connection.execute(delete(tables.function_secrets).where(this))
            if gone.rowcount == 0:
                raise UnknownSecret(tenant, name)
            await version.bump(connection)


async def secrets(connection: AsyncConnection, *, tenant: str | None = None) -> list[SecretEntry]:
    """Read, in the caller's transaction, the secrets of a tenant, or all, by tenant and name."""
    wanted = select(_COLUMNS.tenant, _COLUMNS.name, _COLUMNS.value)
    if tenant is not None:
        wanted = wanted.where(_COLUMNS.tenant == tenant)
    rows = await connection.execute(wanted.order_by(_COLUMNS.tenant, _COLUMNS.name))
    return [SecretEntry(tenant=row.tenant, name=row.name, value=row.value) for row in rows]
