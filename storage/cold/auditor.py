"""The login of whoever counts: it reads every tenant's record and the platform's, writes nothing.

What it may not read are the hashes of API keys, and tenants' secrets and code. A tenant's schema
opens itself to it whenever the tenant is provisioned.
"""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.cold.engine import with_login
from storage.cold.walls import scram_verifier
from storage.migrations.turn import take_turn

AUDITOR: Final = "gridfaas_audit"
CONNECTION_LIMIT: Final = 8
_PRIVATE: Final = "platform.api_keys, platform.function_secrets, platform.bundles"


def auditor_url(admin_url: str, password: str) -> str:
    """Return the URL by which the auditor logs in to the database of `admin_url`."""
    return with_login(admin_url, user=AUDITOR, password=password)


async def provision_auditor(engine: AsyncEngine, *, password: str) -> None:
    """Give the auditor its login and all that it may read now; idempotent.

    The engine's login must be able to create roles, and own the database and its schemas.
    """
    async with engine.begin() as connection:
        await connection.run_sync(take_turn)
        known = text("SELECT true FROM pg_roles WHERE rolname = :role")
        if not (await connection.execute(known, {"role": AUDITOR})).scalar():
            await connection.exec_driver_sql(
                f"CREATE ROLE {AUDITOR} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION"
                " NOBYPASSRLS"
            )
        database = (await connection.execute(text("SELECT current_database()"))).scalar_one()
        name = connection.dialect.identifier_preparer.quote_identifier(str(database))
        for statement in (
            f"ALTER ROLE {AUDITOR} LOGIN NOINHERIT CONNECTION LIMIT {CONNECTION_LIMIT}"
            f" PASSWORD '{scram_verifier(password)}'",
            f"ALTER ROLE {AUDITOR} SET default_transaction_read_only = on",
            f"GRANT CONNECT ON DATABASE {name} TO {AUDITOR}",
        ):
            await connection.exec_driver_sql(statement)
        await open_to_auditor(connection, "platform")
        await connection.exec_driver_sql(f"REVOKE ALL ON {_PRIVATE} FROM {AUDITOR}")
        schemas = await connection.execute(
            text("SELECT nspname FROM pg_namespace JOIN pg_roles ON rolname = nspname")
        )
        for schema in schemas.scalars().all():
            if str(schema).startswith("t_"):
                await open_to_auditor(connection, str(schema))


async def open_to_auditor(connection: AsyncConnection, schema: str) -> None:
    """Let the auditor, if there is one, read every table that is in `schema` now."""
    known = text("SELECT true FROM pg_roles WHERE rolname = :role")
    if (await connection.execute(known, {"role": AUDITOR})).scalar():
        await connection.exec_driver_sql(f'GRANT USAGE ON SCHEMA "{schema}" TO {AUDITOR}')
        await connection.exec_driver_sql(
            f'GRANT SELECT ON ALL TABLES IN SCHEMA "{schema}" TO {AUDITOR}'
        )
