"""The tenants of the platform's record and the zones that they are assigned to."""

from collections.abc import Collection

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.platform import tables, version
from storage.platform.slug import check_slug
from storage.platform.snapshot import TenantEntry
from storage.platform.topology import UnknownZone, all_zones


class TenantExists(Exception):
    """A tenant of that slug is recorded already."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"tenant {slug} exists")
        self.slug = slug


class UnknownTenant(Exception):
    """No such tenant is recorded."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"tenant {slug} is unknown")
        self.slug = slug


class Tenants:
    """Tenants in PostgreSQL. Their stores are provisioned by each zone's agent, not here."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create(self, *, slug: str, name: str, zones: Collection[str]) -> TenantEntry:
        """Record a tenant under the next free number.

        Raises:
            storage.platform.slug.InvalidSlug: the slug is not one.
            TenantExists: the slug is taken.
            UnknownZone: a zone is not recorded.
        """
        check_slug(slug)
        async with self._engine.begin() as connection:
            await version.lock(connection)
            recorded = await all_tenants(connection)
            if any(tenant.slug == slug for tenant in recorded):
                raise TenantExists(slug)
            number = max((tenant.number for tenant in recorded), default=0) + 1
            await connection.execute(
                insert(tables.tenants).values(
                    slug=slug, number=number, name=name, created_at=func.now()
                )
            )
            await _assign(connection, slug, zones)
            await version.bump(connection)
            return TenantEntry(slug=slug, number=number, name=name, zones=sorted(set(zones)))

    async def assign(self, slug: str, *, zones: Collection[str]) -> TenantEntry:
        """Replace the zones of a tenant.

        Raises:
            UnknownTenant: the slug is not recorded.
            UnknownZone: a zone is not recorded.
        """
        async with self._engine.begin() as connection:
            await version.lock(connection)
            before = await _find(connection, slug)
            if before.zones == sorted(set(zones)):
                return before
            await connection.execute(
                delete(tables.tenant_zones).where(tables.tenant_zones.c.tenant == slug)
            )
            await _assign(connection, slug, zones)
            await version.bump(connection)
            return await _find(connection, slug)

    async def get(self, slug: str) -> TenantEntry:
        """Return one tenant.

        Raises:
            UnknownTenant: the slug is not recorded.
        """
        async with self._engine.connect() as connection:
            return await _find(connection, slug)

    async def list(self) -> list[TenantEntry]:
        """Return all tenants by slug."""
        async with self._engine.connect() as connection:
            return await all_tenants(connection)


async def all_tenants(connection: AsyncConnection) -> list[TenantEntry]:
    """Read all tenants in the caller's transaction, by slug, each with its zones by name."""
    zone = tables.tenant_zones.c.zone
    named = func.array_agg(zone).filter(zone.is_not(None))
    found = await connection.execute(
        select(
            tables.tenants.c.slug,
            tables.tenants.c.number,
            tables.tenants.c.name,
            named.label("zones"),
        )
        .outerjoin_from(
            tables.tenants,
            tables.tenant_zones,
            tables.tenant_zones.c.tenant == tables.tenants.c.slug,
        )
        .group_by(tables.tenants.c.slug, tables.tenants.c.number, tables.tenants.c.name)
        .order_by(tables.tenants.c.slug)
    )
    return [
        TenantEntry(slug=row.slug, number=row.number, name=row.name, zones=sorted(row.zones or []))
        for row in found
    ]


async def _find(connection: AsyncConnection, slug: str) -> TenantEntry:
    for tenant in await all_tenants(connection):
        if tenant.slug == slug:
            return tenant
    raise UnknownTenant(slug)


async def _assign(connection: AsyncConnection, slug: str, zones: Collection[str]) -> None:
    known = {zone.name for zone in await all_zones(connection)}
    for zone in sorted(set(zones)):
        if zone not in known:
            raise UnknownZone(zone)
        await connection.execute(insert(tables.tenant_zones).values(tenant=slug, zone=zone))
