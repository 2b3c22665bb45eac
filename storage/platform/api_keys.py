"""The API keys of the platform's record; of a key's text only its hash is ever kept."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.platform import tables, version
from storage.platform.keys import (
    DEFAULT_SCOPES,
    TENANT_ROLES,
    Role,
    hash_key,
    mint_key,
    mint_key_id,
)
from storage.platform.limits import check_limit
from storage.platform.tenants import UnknownTenant, all_tenants
from storage.platform.topology import UnknownZone, all_zones

MAX_TENANT_KEYS: Final = 200
_SCOPE: Final = re.compile(r"[a-z][a-z0-9_]*:[a-z]+")


class UnknownKey(Exception):
    """No such key is recorded, or it is revoked already."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"key {key_id} is unknown or revoked")
        self.key_id = key_id


class TooManyKeys(Exception):
    """The tenant has as many live keys as it may; each is in the snapshot of its zones."""

    def __init__(self, tenant: str, most: int) -> None:
        super().__init__(f"tenant {tenant} has {most} live keys, the most that it may: revoke one")
        self.most = most


class InvalidKey(ValueError):
    """The key asked for makes no sense; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A recorded key. Times are aware UTC."""

    key_id: str
    hash: str
    tenant: str | None
    role: Role
    scopes: tuple[str, ...]
    zone: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    calls_per_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MintedKey:
    """A new key and its text, which cannot be had again."""

    text: str
    record: ApiKey

    def __repr__(self) -> str:
        return f"MintedKey(key_id={self.record.key_id!r})"


class ApiKeys:
    """API keys in PostgreSQL."""

    def __init__(self, engine: AsyncEngine, *, max_tenant_keys: int = MAX_TENANT_KEYS) -> None:
        """`max_tenant_keys` bounds a tenant's keys that are neither revoked nor expired."""
        self._engine = engine
        self._max_tenant_keys = max_tenant_keys

    async def create(
        self,
        *,
        role: Role,
        tenant: str | None = None,
        zone: str | None = None,
        scopes: Collection[str] | None = None,
        expires_at: datetime | None = None,
        calls_per_s: float | None = None,
    ) -> MintedKey:
        """Mint a key and record it; without `scopes` it gets its role's.

        Raises: as `record`.
        """
        text = mint_key()
        record = await self.record(
            text,
            role=role,
            tenant=tenant,
            zone=zone,
            scopes=scopes,
            expires_at=expires_at,
            calls_per_s=calls_per_s,
        )
        return MintedKey(text=text, record=record)

    async def record(
        self,
        text: str,
        *,
        role: Role,
        tenant: str | None = None,
        zone: str | None = None,
        scopes: Collection[str] | None = None,
        expires_at: datetime | None = None,
        calls_per_s: float | None = None,
    ) -> ApiKey:
        """Record a key that was minted before, so that a start may keep its text first.

        A text that is recorded already keeps its record as it is, revoked or not.

        Raises:
            InvalidKey: role, tenant, zone, scopes or expiry do not go together.
            storage.platform.tenants.UnknownTenant: the tenant is not recorded.
            storage.platform.topology.UnknownZone: the zone is not recorded.
            storage.platform.limits.InvalidLimit: `calls_per_s` is no limit.
            TooManyKeys: the tenant has as many live ones as it may.
        """
        check_limit(calls_per_s)
        granted = sorted(DEFAULT_SCOPES[role] if scopes is None else set(scopes))
        _check(role=role, tenant=tenant, zone=zone, scopes=granted, expires_at=expires_at)
        async with self._engine.begin() as connection:
            await version.lock(connection)
            known = select(tables.api_keys).where(tables.api_keys.c.hash == hash_key(text))
            recorded = (await connection.execute(known)).one_or_none()
            if recorded is not None:
                return _api_key(recorded)
            if tenant is not None and all(
                entry.slug != tenant for entry in await all_tenants(connection)
            ):
                raise UnknownTenant(tenant)
            if tenant is not None:
                await self._check_room(connection, tenant)
            if zone is not None and all(
                entry.name != zone for entry in await all_zones(connection)
            ):
                raise UnknownZone(zone)
            row = (
                await connection.execute(
                    insert(tables.api_keys)
                    .values(
                        key_id=mint_key_id(),
                        hash=hash_key(text),
                        tenant=tenant,
                        role=role.value,
                        scopes=granted,
                        zone=zone,
                        created_at=func.now(),
                        expires_at=expires_at,
                        calls_per_s=calls_per_s,
                    )
                    .returning(tables.api_keys)
                )
            ).one()
            await version.bump(connection)
            return _api_key(row)

    async def _check_room(self, connection: AsyncConnection, tenant: str) -> None:
        live = select(func.count()).where(tables.api_keys.c.tenant == tenant, *_live())
        if int(await connection.scalar(live) or 0) >= self._max_tenant_keys:
            raise TooManyKeys(tenant, self._max_tenant_keys)

    async def get(self, key_id: str) -> ApiKey:
        """Return one key, revoked or not.

        Raises:
            UnknownKey: no such key is recorded.
        """
        async with self._engine.connect() as connection:
            found = await connection.execute(
                select(tables.api_keys).where(tables.api_keys.c.key_id == key_id)
            )
            row = found.one_or_none()
        if row is None:
            raise UnknownKey(key_id)
        return _api_key(row)

    async def list(self, *, tenant: str | None = None) -> list[ApiKey]:
        """Return the keys of `tenant`, or all, oldest first, the revoked included."""
        query = select(tables.api_keys).order_by(
            tables.api_keys.c.created_at, tables.api_keys.c.key_id
        )
        if tenant is not None:
            query = query.where(tables.api_keys.c.tenant == tenant)
        async with self._engine.connect() as connection:
            return [_api_key(row) for row in await connection.execute(query)]

    async def revoke(self, key_id: str, *, tenant: str | None = None) -> ApiKey:
        """End a key; with `tenant`, only if it is that tenant's.

        Raises:
            UnknownKey: no such key, another's, or revoked already.
        """
        ending = (
            update(tables.api_keys)
            .where(tables.api_keys.c.key_id == key_id, tables.api_keys.c.revoked_at.is_(None))
            .values(revoked_at=func.now())
            .returning(tables.api_keys)
        )
        if tenant is not None:
            ending = ending.where(tables.api_keys.c.tenant == tenant)
        async with self._engine.begin() as connection:
            await version.lock(connection)
            row = (await connection.execute(ending)).one_or_none()
            if row is None:
                raise UnknownKey(key_id)
            await version.bump(connection)
            return _api_key(row)


async def live_keys(connection: AsyncConnection) -> list[ApiKey]:
    """Read, in the caller's transaction, the keys that are neither revoked nor expired, by id."""
    found = await connection.execute(
        select(tables.api_keys).where(*_live()).order_by(tables.api_keys.c.key_id)
    )
    return [_api_key(row) for row in found]


def _live() -> tuple[ColumnElement[bool], ...]:
    columns = tables.api_keys.c
    unexpired = columns.expires_at.is_(None) | (columns.expires_at > func.now())
    return columns.revoked_at.is_(None), unexpired


def _check(
    *,
    role: Role,
    tenant: str | None,
    zone: str | None,
    scopes: list[str],
    expires_at: datetime | None,
) -> None:
    if (role in TENANT_ROLES) != (tenant is not None):
        needs = "needs a tenant" if tenant is None else "belongs to no tenant"
        raise InvalidKey(f"a key of role {role} {needs}")
    if (role is Role.ZONE) != (zone is not None):
        needs = "needs a zone" if zone is None else "belongs to no zone"
        raise InvalidKey(f"a key of role {role} {needs}")
    for scope in scopes:
        if _SCOPE.fullmatch(scope) is None:
            raise InvalidKey(f"{scope[:40]!r} is not a scope")
        if tenant is not None and scope.startswith("platform:"):
            raise InvalidKey(f"a tenant's key cannot have {scope}")
    if expires_at is not None and expires_at.tzinfo is None:
        raise InvalidKey("the expiry needs a time zone")


def _api_key(row: Row[Any]) -> ApiKey:
    fields = dict(row._mapping)
    return ApiKey(**{**fields, "role": Role(row.role), "scopes": tuple(row.scopes)})
