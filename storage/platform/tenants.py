"""The tenants of the platform's record and the zones that they are assigned to."""

from collections.abc import Collection
from typing import Any, Final

from msgspec import UNSET, UnsetType
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.cold.walls import CONNECTION_LIMIT
from storage.platform import tables, version
from storage.platform.limits import check_limit
from storage.platform.slug import check_slug
from storage.platform.snapshot import TenantEntry
from storage.platform.tenant_settings import changed_settings
from storage.platform.topology import UnknownZone, all_zones

PLATFORM_CONNECTIONS: Final = 50
"""Of the server's, for agents, gateways, audits and administrators."""


class TenantExists(Exception):
    """A tenant of that slug is recorded already."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"tenant {slug} exists")
        self.slug = slug


class TooManyTenants(Exception):
    """PostgreSQL has no connections left for one tenant more."""

    def __init__(self, most: int, max_connections: int) -> None:
        super().__init__(
            f"PostgreSQL's max_connections of {max_connections} are enough for {most} tenants of"
            f" {CONNECTION_LIMIT} connections each beside the platform's {PLATFORM_CONNECTIONS}"
        )
        self.most = most


class UnknownTenant(Exception):
    """No such tenant is recorded."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"tenant {slug} is unknown")
        self.slug = slug


class Tenants:
    """Tenants in PostgreSQL. Their stores are provisioned by each zone's agent, not here."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create(
        self, *, slug: str, name: str, zones: Collection[str], calls_per_s: float | None = None
    ) -> TenantEntry:
        """Record a tenant under the next free number.

        Raises:
            storage.platform.slug.InvalidSlug: the slug is not one.
            storage.platform.limits.InvalidLimit: `calls_per_s` is no limit.
            TenantExists: the slug is taken.
            UnknownZone: a zone is not recorded.
            TooManyTenants: the record's server has no connections for one more.
        """
        check_slug(slug)
        check_limit(calls_per_s)
        async with self._engine.begin() as connection:
            await version.lock(connection)
            recorded = await all_tenants(connection)
            if any(tenant.slug == slug for tenant in recorded):
                raise TenantExists(slug)
            await _check_room(connection, recorded)
            number = max((tenant.number for tenant in recorded), default=0) + 1
            await connection.execute(
                insert(tables.tenants).values(
                    slug=slug,
                    number=number,
                    name=name,
                    created_at=func.now(),
                    calls_per_s=calls_per_s,
                )
            )
            await _assign(connection, slug, zones, leaving=())
            await version.bump(connection)
            return await _find(connection, slug)

    async def assign(self, slug: str, *, zones: Collection[str]) -> TenantEntry:
        """Replace the zones of a tenant; as `change`."""
        return await self.change(slug, zones=zones)

    async def change(
        self,
        slug: str,
        *,
        name: str | UnsetType = UNSET,
        zones: Collection[str] | UnsetType = UNSET,
        calls_per_s: float | UnsetType | None = UNSET,
        settings: dict[str, Any] | UnsetType = UNSET,
    ) -> TenantEntry:
        """Replace what is given; no zones at all take the tenant off the platform.

        `settings` are merged, by service and name, into those that it has; None takes one back.

        A zone that the tenant is taken off is kept as `leaving`: what it acknowledged and still
        holds goes on to headquarters.

        Raises:
            UnknownTenant: the slug is not recorded.
            UnknownZone: a zone is not recorded.
            storage.platform.limits.InvalidLimit: `calls_per_s` is no limit.
            storage.platform.tenant_settings.InvalidSettings: no settings, or wrong values.
            TooManyTenants: it comes back, and the server has no connections for it.
        """
        if calls_per_s is not UNSET:
            check_limit(calls_per_s)
        async with self._engine.begin() as connection:
            await version.lock(connection)
            before = await _find(connection, slug)
            wanted = before.zones if zones is UNSET else sorted(set(zones))
            after = TenantEntry(
                slug=slug,
                number=before.number,
                name=before.name if name is UNSET else name,
                zones=wanted,
                leaving=sorted({*before.zones, *before.leaving} - set(wanted)),
                calls_per_s=before.calls_per_s if calls_per_s is UNSET else calls_per_s,
                settings=before.settings
                if settings is UNSET
                else changed_settings(before.settings, settings),
            )
            if after == before:
                return before
            if after.zones and not before.zones:
                await _check_room(connection, await all_tenants(connection))
            await connection.execute(
                update(tables.tenants)
                .where(tables.tenants.c.slug == slug)
                .values(name=after.name, calls_per_s=after.calls_per_s, settings=after.settings)
            )
            await connection.execute(
                delete(tables.tenant_zones).where(tables.tenant_zones.c.tenant == slug)
            )
            await _assign(connection, slug, after.zones, leaving=after.leaving)
            await version.bump(connection)
            return after

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
    zone, leaving = tables.tenant_zones.c.zone, tables.tenant_zones.c.leaving
    named = func.array_agg(zone).filter(leaving.is_(False))
    left = func.array_agg(zone).filter(leaving.is_(True))
    found = await connection.execute(
        select(
            tables.tenants.c.slug,
            tables.tenants.c.number,
            tables.tenants.c.name,
            tables.tenants.c.calls_per_s,
            tables.tenants.c.settings,
            named.label("zones"),
            left.label("leaving"),
        )
        .outerjoin_from(
            tables.tenants,
            tables.tenant_zones,
            tables.tenant_zones.c.tenant == tables.tenants.c.slug,
        )
        .group_by(tables.tenants.c.slug)
        .order_by(tables.tenants.c.slug)
    )
    return [
        TenantEntry(
            slug=row.slug,
            number=row.number,
            name=row.name,
            zones=sorted(row.zones or []),
            leaving=sorted(row.leaving or []),
            calls_per_s=row.calls_per_s,
            settings=row.settings,
        )
        for row in found
    ]


async def _check_room(connection: AsyncConnection, recorded: Collection[TenantEntry]) -> None:
    """Make sure that every login may use its connections, also with one tenant more."""
    setting = text("SELECT current_setting('max_connections')::int")
    max_connections = int((await connection.execute(setting)).scalar_one())
    most = max(0, max_connections - PLATFORM_CONNECTIONS) // CONNECTION_LIMIT
    # A tenant that was taken off the platform has no login.
    if sum(1 for tenant in recorded if tenant.zones) >= most:
        raise TooManyTenants(most, max_connections)


async def _find(connection: AsyncConnection, slug: str) -> TenantEntry:
    for tenant in await all_tenants(connection):
        if tenant.slug == slug:
            return tenant
    raise UnknownTenant(slug)


async def _assign(
    connection: AsyncConnection, slug: str, zones: Collection[str], *, leaving: Collection[str]
) -> None:
    known = {zone.name for zone in await all_zones(connection)}
    for zone in sorted({*zones, *leaving}):
        if zone not in known:
            raise UnknownZone(zone)
        row = {"tenant": slug, "zone": zone, "leaving": zone in leaving}
        await connection.execute(insert(tables.tenant_zones).values(row))
