"""Tenants' functions in PostgreSQL: versions that never change, one of them in force."""

import logging
from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import Row, delete, exists, func, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.platform import tables, version
from storage.platform.functions.deployed import (
    KEPT_VERSIONS,
    MAX_BUNDLE_BYTES,
    MAX_FUNCTIONS,
    DeployedFunction,
    NameTaken,
    TooManyFunctions,
    TooMuchCode,
    UnknownFunction,
    UnknownVersion,
    Version,
    spec_of,
)
from storage.platform.functions.spec import FunctionSpec
from storage.platform.snapshot import DeploymentEntry
from storage.platform.tenants import UnknownTenant

logger = logging.getLogger(__name__)

_FUNCTIONS = tables.functions
_VERSIONS = tables.function_versions


class Functions:
    """Functions of all tenants. What is in force is in the next snapshot."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        max_functions: int = MAX_FUNCTIONS,
        max_bundle_bytes: int = MAX_BUNDLE_BYTES,
    ) -> None:
        self._engine = engine
        self._max_bundle_bytes = max_bundle_bytes
        self._max_functions = max_functions

    async def deploy(
        self,
        *,
        tenant: str,
        spec: FunctionSpec,
        digest: str,
        body: bytes,
        created_by: str,
        taken: Collection[str],
    ) -> tuple[Version, bool]:
        """Put a version in force; True if it is a new one.

        What is recorded already under this digest becomes current again under its own number.
        `taken` are names of the platform's services.

        Raises:
            UnknownTenant: the tenant is not recorded.
            NameTaken: the platform has a service of that name.
            TooManyFunctions: the tenant may have no more.
            TooMuchCode: the tenant's bundles would take more than they may.
        """
        name = spec.name
        if name in taken:
            raise NameTaken(name)
        async with self._engine.begin() as connection:
            await version.lock(connection)
            await _check_tenant(connection, tenant)
            known = await _find(connection, tenant, name)
            same = [one for one in known.versions if one.digest == digest] if known else []
            if known is not None and same:
                if known.current != same[0].version:
                    await _switch(connection, known, same[0].version)
                return same[0], False
            if known is None:
                await self._check_room(connection, tenant)
            number = await _next_version(connection, tenant, name)
            await connection.execute(
                postgresql.insert(tables.bundles)
                .values(digest=digest, body=body)
                .on_conflict_do_nothing()
            )
            row = await connection.execute(
                insert(_VERSIONS)
                .values(
                    tenant=tenant,
                    name=name,
                    version=number,
                    digest=digest,
                    spec=msgspec.to_builtins(spec),
                    created_at=func.now(),
                    created_by=created_by,
                )
                .returning(_VERSIONS)
            )
            made = _version(row.one())
            await _drop_versions(connection, tenant, name, up_to=number - KEPT_VERSIONS)
            if await _bundle_bytes(connection, tenant) > self._max_bundle_bytes:
                raise TooMuchCode(tenant, self._max_bundle_bytes)
            await version.bump(connection)
            return made, True

    async def get(self, tenant: str, name: str) -> DeployedFunction:
        """Return a function with its versions.

        Raises:
            UnknownFunction: the tenant has none of that name.
        """
        async with self._engine.connect() as connection:
            found = await _find(connection, tenant, name)
        if found is None:
            raise UnknownFunction(tenant, name)
        return found

    async def list(self, tenant: str | None = None) -> list[DeploymentEntry]:
        """Return what is in force of a tenant's functions, or of all, by tenant and name."""
        async with self._engine.connect() as connection:
            return await deployments(connection, tenant=tenant)

    async def rollback(self, tenant: str, name: str, *, to: int | None = None) -> Version:
        """Put an earlier version in force: the one of number `to`, or the one before.

        Raises:
            UnknownFunction: the tenant has none of that name.
            UnknownVersion: there is none before, or none of that number.
        """
        async with self._engine.begin() as connection:
            await version.lock(connection)
            known = await _find(connection, tenant, name)
            if known is None:
                raise UnknownFunction(tenant, name)
            wanted = [one for one in known.versions if one.version == to]
            if to is None:
                wanted = [one for one in known.versions if one.version < known.current][-1:]
            if not wanted:
                raise UnknownVersion(name, to)
            if wanted[0].version != known.current:
                await _switch(connection, known, wanted[0].version)
            return wanted[0]

    async def remove(self, tenant: str, name: str) -> None:
        """Take a function out of force with all its versions; their numbers never come again.

        Raises:
            UnknownFunction: the tenant has none of that name.
        """
        this = (_FUNCTIONS.c.tenant == tenant) & (_FUNCTIONS.c.name == name)
        async with self._engine.begin() as connection:
            await version.lock(connection)
            known = await _find(connection, tenant, name)
            if known is None:
                raise UnknownFunction(tenant, name)
            await connection.execute(update(_FUNCTIONS).where(this).values(current=None))
            await _drop_versions(connection, tenant, name, up_to=known.versions[-1].version)
            await version.bump(connection)

    async def bundle(self, digest: str) -> bytes | None:
        """Return a bundle, None for a digest that no version has."""
        async with self._engine.connect() as connection:
            wanted = select(tables.bundles.c.body).where(tables.bundles.c.digest == digest)
            found = (await connection.execute(wanted)).scalar_one_or_none()
        return None if found is None else bytes(found)

    async def _check_room(self, connection: AsyncConnection, tenant: str) -> None:
        theirs = (_FUNCTIONS.c.tenant == tenant) & _FUNCTIONS.c.current.is_not(None)
        count = await connection.scalar(select(func.count()).where(theirs))
        if int(count or 0) >= self._max_functions:
            raise TooManyFunctions(tenant, self._max_functions)


async def deployments(
    connection: AsyncConnection, *, tenant: str | None = None
) -> list[DeploymentEntry]:
    """Read, in the caller's transaction, what is in force, by tenant and name."""
    columns = _VERSIONS.c
    wanted = (
        select(columns.tenant, columns.name, columns.version, columns.digest, columns.spec)
        .join(
            _FUNCTIONS,
            (_FUNCTIONS.c.tenant == columns.tenant)
            & (_FUNCTIONS.c.name == columns.name)
            & (_FUNCTIONS.c.current == columns.version),
        )
        .order_by(columns.tenant, columns.name)
    )
    if tenant is not None:
        wanted = wanted.where(columns.tenant == tenant)
    found = []
    for row in await connection.execute(wanted):
        try:
            spec = spec_of(row.spec)
        except msgspec.ValidationError:
            # One that this release cannot read must not keep all tenants' keys from the zones.
            logger.exception("function %s of %s is left out", row.name, row.tenant)
            continue
        found.append(
            DeploymentEntry(
                tenant=row.tenant,
                name=row.name,
                version=row.version,
                digest=row.digest,
                spec=spec,
            )
        )
    return found


async def _check_tenant(connection: AsyncConnection, tenant: str) -> None:
    wanted = select(tables.tenants.c.slug).where(tables.tenants.c.slug == tenant)
    if (await connection.execute(wanted)).one_or_none() is None:
        raise UnknownTenant(tenant)


async def _bundle_bytes(connection: AsyncConnection, tenant: str) -> int:
    theirs = select(_VERSIONS.c.digest).where(_VERSIONS.c.tenant == tenant)
    columns = tables.bundles.c
    total = select(func.sum(func.octet_length(columns.body))).where(columns.digest.in_(theirs))
    return int(await connection.scalar(total) or 0)


async def _find(connection: AsyncConnection, tenant: str, name: str) -> DeployedFunction | None:
    this = (_FUNCTIONS.c.tenant == tenant) & (_FUNCTIONS.c.name == name)
    current = (await connection.execute(select(_FUNCTIONS.c.current).where(this))).scalar()
    if current is None:
        return None
    theirs = (_VERSIONS.c.tenant == tenant) & (_VERSIONS.c.name == name)
    rows = await connection.execute(select(_VERSIONS).where(theirs).order_by(_VERSIONS.c.version))
    return DeployedFunction(
        tenant=tenant, name=name, current=current, versions=tuple(_version(row) for row in rows)
    )


async def _next_version(connection: AsyncConnection, tenant: str, name: str) -> int:
    """Count one version more, and make it the current one."""
    counted = await connection.execute(
        postgresql.insert(_FUNCTIONS)
        .values(tenant=tenant, name=name, last_version=1, current=1)
        .on_conflict_do_update(
            index_elements=["tenant", "name"],
            set_={
                "last_version": _FUNCTIONS.c.last_version + 1,
                "current": _FUNCTIONS.c.last_version + 1,
            },
        )
        .returning(_FUNCTIONS.c.last_version)
    )
    return int(counted.scalar_one())


async def _switch(connection: AsyncConnection, known: DeployedFunction, to: int) -> None:
    this = (_FUNCTIONS.c.tenant == known.tenant) & (_FUNCTIONS.c.name == known.name)
    await connection.execute(update(_FUNCTIONS).where(this).values(current=to))
    await version.bump(connection)


async def _drop_versions(
    connection: AsyncConnection, tenant: str, name: str, *, up_to: int
) -> None:
    columns = _VERSIONS.c
    old = (columns.tenant == tenant) & (columns.name == name) & (columns.version <= up_to)
    dropped = await connection.execute(delete(_VERSIONS).where(old).returning(columns.digest))
    digests = {row.digest for row in dropped}
    if digests:
        used = exists().where(columns.digest == tables.bundles.c.digest)
        await connection.execute(
            delete(tables.bundles).where(tables.bundles.c.digest.in_(digests), ~used)
        )


def _version(row: Row[Any]) -> Version:
    return Version(
        version=row.version,
        digest=row.digest,
        spec=spec_of(row.spec),
        created_at=row.created_at,
        created_by=row.created_by,
    )
