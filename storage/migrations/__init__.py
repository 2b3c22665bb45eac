"""Schema migrations: `upgrade` brings the platform's schema and every tenant's up to date."""

from storage.migrations.run import migrate_tenant_schema, upgrade

__all__ = ["migrate_tenant_schema", "upgrade"]
