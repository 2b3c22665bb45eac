"""Runs Alembic without an ini file: one history for `platform`, one for every tenant's schema."""

import asyncio
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.cold.engine import create_engine
from storage.migrations.turn import take_turn

_HERE: Final = Path(__file__).parent
_MIGRATION_TIMEOUT_S: Final = 600.0
VERSION_TABLE: Final = "alembic_version"


def upgrade(database_url: str) -> None:
    """Bring schema `platform`, then each tenant's schema, to the newest version.

    Each schema is one transaction: a failure leaves it, and those after it, as they were. Running
    it again does nothing. Not to be called while an event loop runs in this thread.

    Raises:
        storage.cold.engine.UnusableDatabaseUrl: the URL is of another kind.
        sqlalchemy.exc.DBAPIError, OSError: the database refused, or cannot be reached.
    """
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(_upgrade(database_url))


def migrate_platform_schema(connection: Connection) -> None:
    """Create or upgrade schema `platform` in the caller's transaction."""
    take_turn(connection)
    connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS platform")
    connection.exec_driver_sql("REVOKE ALL ON SCHEMA platform FROM PUBLIC")
    _run(connection, history="platform", schema="platform")


def migrate_tenant_schema(connection: Connection, schema: str) -> None:
    """Upgrade a tenant's existing schema in the caller's transaction.

    The role of the same name gets SELECT, INSERT, UPDATE and DELETE on every table that the
    migrations create, and may use their sequences; a migration that wants less revokes it from
    `schema`. It may read, but not change, the version table.
    """
    take_turn(connection)
    name = connection.dialect.identifier_preparer.quote_identifier(schema)
    for grant in (
        f"SELECT, INSERT, UPDATE, DELETE ON TABLES TO {name}",
        f"USAGE, SELECT ON SEQUENCES TO {name}",
    ):
        connection.exec_driver_sql(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {name} GRANT {grant}")
    _run(connection, history="tenant", schema=schema)
    connection.exec_driver_sql(
        f"REVOKE INSERT, UPDATE, DELETE ON {name}.{VERSION_TABLE} FROM {name}"
    )


async def _upgrade(database_url: str) -> None:
    engine = create_engine(
        database_url,
        pool_size=1,
        application_name="gridfaas-migrations",
        command_timeout_s=_MIGRATION_TIMEOUT_S,
    )
    try:
        async with engine.begin() as connection:
            await connection.run_sync(migrate_platform_schema)
        for schema in await _tenant_schemas(engine):
            async with engine.begin() as connection:
                await connection.run_sync(migrate_tenant_schema, schema)
    finally:
        await engine.dispose()


async def _tenant_schemas(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        found = await connection.execute(
            text(
                "SELECT n.nspname FROM pg_namespace n JOIN platform.tenants t"
                " ON n.nspname = 't_' || replace(t.slug, '-', '_') ORDER BY 1"
            )
        )
        return [str(name) for name in found.scalars()]


def _run(connection: Connection, *, history: str, schema: str) -> None:
    before = connection.scalar(text("SELECT current_setting('search_path')"))
    # Migrations name their tables without a schema; nothing of `public` may slip in.
    name = connection.dialect.identifier_preparer.quote_identifier(schema)
    _set_search_path(connection, name)
    config = Config()
    config.set_main_option("script_location", str(_HERE / history).replace("%", "%%"))
    config.attributes.update(connection=connection, schema=schema, version_table=VERSION_TABLE)
    command.upgrade(config, "head")
    _set_search_path(connection, str(before))


def _set_search_path(connection: Connection, value: str) -> None:
    connection.execute(text("SELECT set_config('search_path', :value, true)"), {"value": value})
