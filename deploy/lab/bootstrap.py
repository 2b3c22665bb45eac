"""What the platform's record holds before the first process starts."""

from dataclasses import dataclass

from deploy.lab.keys_file import LabKeys
from deploy.lab.topology import zone_entries
from storage.cold.auditor import auditor_url, provision_auditor
from storage.cold.engine import create_engine
from storage.cold.walls import close_maintenance_databases
from storage.platform.keys import Role
from storage.platform.registry import Registry, open_registry
from storage.platform.tenants import TenantExists
from zones.topology import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class LabTenant:
    """A distribution company of the lab."""

    slug: str
    name: str


TENANTS = (
    LabTenant(slug="basra-power", name="Basra Power (public company)"),
    LabTenant(slug="tigris-energy", name="Tigris Energy (private company)"),
)


async def record_lab(database_url: str, *, topology: Topology, keys: LabKeys) -> None:
    """Record zones, tenants and keys; what is there already stays as it is."""
    async with open_registry(database_url, pool_size=1, application_name="gridfaas-up") as registry:
        await registry.zones.record(zone_entries(topology))
        for tenant in TENANTS:
            await _record_tenant(registry, tenant, topology)
            await registry.keys.record(
                keys.tenants[tenant.slug], role=Role.TENANT_ADMIN, tenant=tenant.slug
            )
        await registry.keys.record(keys.admin, role=Role.PLATFORM_ADMIN)
        for zone, text in keys.zones.items():
            await registry.keys.record(text, role=Role.ZONE, zone=zone)


async def close_own_server(database_url: str) -> None:
    """Keep tenants out of the other databases of a server that we started ourselves."""
    engine = create_engine(database_url, pool_size=1, application_name="gridfaas-up")
    try:
        await close_maintenance_databases(engine)
    finally:
        await engine.dispose()


async def open_audit(database_url: str, *, password: str) -> str:
    """Give the auditor its login, and return the URL by which it counts."""
    engine = create_engine(database_url, pool_size=1, application_name="gridfaas-up")
    try:
        await provision_auditor(engine, password=password)
    finally:
        await engine.dispose()
    return auditor_url(database_url, password)


async def _record_tenant(registry: Registry, tenant: LabTenant, topology: Topology) -> None:
    zones = [zone.name for zone in topology.zones]
    try:
        await registry.tenants.create(slug=tenant.slug, name=tenant.name, zones=zones)
    except TenantExists:
        await registry.tenants.assign(tenant.slug, zones=zones)
