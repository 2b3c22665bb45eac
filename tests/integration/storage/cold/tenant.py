"""A walled tenant of a fresh database, for tests of its record."""

from storage.cold.engine import create_engine
from storage.cold.walls import provision_tenant, tenant_database_url, tenant_role

TENANT = "acme-power"
SCHEMA = tenant_role(TENANT)


async def provisioned(database_url: str) -> str:
    """Make the tenant, and return the URL by which it logs in."""
    engine = create_engine(database_url, pool_size=1, application_name="test")
    try:
        await provision_tenant(engine, TENANT, password="only-for-this-test")
    finally:
        await engine.dispose()
    return tenant_database_url(database_url, TENANT, "only-for-this-test")
