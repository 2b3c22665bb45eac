"""How many bytes each tenant has in PostgreSQL: its tables, with all that belongs to them."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.cold.walls import tenant_role

_SIZES = text(
    "SELECT n.nspname AS schema, sum(pg_total_relation_size(c.oid))::bigint AS bytes"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'r' AND n.nspname = ANY(:schemas) GROUP BY n.nspname"
)


async def stored_bytes(engine: AsyncEngine, tenants: Collection[str]) -> dict[str, int]:
    """Return the bytes on disk of each tenant's tables, indexes included; 0 without a schema."""
    schemas = {tenant_role(slug): slug for slug in tenants}
    async with engine.connect() as connection:
        found = await connection.execute(_SIZES, {"schemas": sorted(schemas)})
        sizes = {row.schema: int(row.bytes) for row in found}
    return {slug: sizes.get(schema, 0) for schema, slug in schemas.items()}
