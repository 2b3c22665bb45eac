"""A tenant's walls in PostgreSQL: a login of its own that reaches its own schema and no more.

The tables belong to the platform's login; the tenant's may select, insert, update and delete. It
could otherwise grant its rows to a neighbour, drop its history, or leave a trigger behind that
runs as whoever writes next.

What the walls do not hide: `pg_catalog` is readable to every login, so a tenant that looks can
learn the slugs of its neighbours (they are names of roles and schemas), the names of their tables
and their approximate sizes; never a row. Revoking the catalogs would not help: `oid::regrole`
names any role to anybody. Advisory locks and NOTIFY channels are shared by all logins of a
database: nothing may rest on them. Time limits of the login are defaults that it can change for
its session; its connection limit is not. Other databases of the server are not touched here: see
`close_maintenance_databases`.
"""

import secrets
from base64 import b64encode
from hashlib import pbkdf2_hmac, sha256
from hmac import digest
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.cold.engine import with_login
from storage.cold.pool import MAX_CONNECTIONS
from storage.migrations import migrate_tenant_schema
from storage.migrations.turn import take_turn
from storage.platform.slug import check_slug

FUNCTION_CONNECTIONS: Final = 2
CONNECTION_LIMIT: Final = MAX_CONNECTIONS + 1 + FUNCTION_CONNECTIONS
"""A worker's pool, one while a worker takes over from another, and the tenant's own functions'."""

_SCRAM_ROUNDS: Final = 4096
_SESSION: Final = {
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
}


class LoginNotWalled(Exception):
    """The tenant's login exists with powers or memberships that it must not have."""

    def __init__(self, role: str) -> None:
        super().__init__(f"PostgreSQL login {role} has powers beyond a tenant's; not provisioned")
        self.role = role


def tenant_role(tenant: str) -> str:
    """Name the tenant's login and its schema; distinct slugs give distinct names.

    Raises:
        storage.platform.slug.InvalidSlug: `tenant` is not a slug.
    """
    return "t_" + check_slug(tenant).replace("-", "_")


def tenant_database_url(admin_url: str, tenant: str, password: str) -> str:
    """Return the URL by which `tenant` logs in to the database of `admin_url`."""
    return with_login(admin_url, user=tenant_role(tenant), password=password)


async def provision_tenant(engine: AsyncEngine, tenant: str, *, password: str) -> None:
    """Give `tenant` its login, its schema with the newest tables, and its walls, in one step.

    Idempotent: run again it renews the password (ASCII) and whatever of the walls was missing.
    The engine's login must be able to create roles and schemas, and own the database.

    Raises:
        storage.platform.slug.InvalidSlug: `tenant` is not a slug.
        LoginNotWalled: the login exists and is more than a tenant's; nothing was changed.
    """
    role = tenant_role(tenant)
    verifier = scram_verifier(password)
    async with engine.begin() as connection:
        await connection.run_sync(take_turn)
        await _ensure_login(connection, role, verifier)
        await _close_database(connection, role)
        await connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{role}"')
        await connection.exec_driver_sql(f'REVOKE ALL ON SCHEMA "{role}" FROM PUBLIC, "{role}"')
        await connection.exec_driver_sql(f'GRANT USAGE ON SCHEMA "{role}" TO "{role}"')
        await connection.run_sync(migrate_tenant_schema, role)


async def provisioned_tenants(engine: AsyncEngine) -> frozenset[str]:
    """Return the recorded tenants whose login works; logins of other databases are not ours."""
    async with engine.connect() as connection:
        found = await connection.execute(
            text(
                "SELECT slug FROM platform.tenants JOIN pg_roles"
                " ON rolname = 't_' || replace(slug, '-', '_') WHERE rolcanlogin"
            )
        )
        return frozenset(str(slug) for slug in found.scalars())


async def revoke_tenant(engine: AsyncEngine, tenant: str) -> None:
    """Take the login from `tenant` and end its sessions; its schema and rows stay.

    `provision_tenant` gives the login back.

    Raises:
        storage.platform.slug.InvalidSlug: `tenant` is not a slug.
    """
    role = tenant_role(tenant)
    async with engine.begin() as connection:
        await connection.run_sync(take_turn)
        await connection.exec_driver_sql(f'ALTER ROLE "{role}" NOLOGIN PASSWORD NULL')
    # After the commit, so that no session begins between its last look and the end of the login.
    async with engine.connect() as connection:
        await connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :role"),
            {"role": role},
        )


async def close_maintenance_databases(engine: AsyncEngine) -> None:
    """Keep tenants' logins out of `postgres` and `template1`, on a server that is ours alone."""
    async with engine.begin() as connection:
        await connection.run_sync(take_turn)
        for database in ("postgres", "template1"):
            await connection.exec_driver_sql(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")


def scram_verifier(password: str) -> str:
    """Derive what PostgreSQL stores of an ASCII password (RFC 5802, RFC 7677).

    Sent in the password's place, so that it can never stand in the server's log.
    """
    salt = secrets.token_bytes(16)
    salted = pbkdf2_hmac("sha256", password.encode("ascii"), salt, _SCRAM_ROUNDS)
    stored = sha256(digest(salted, b"Client Key", "sha256")).digest()
    server = digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${_SCRAM_ROUNDS}:{salt64}${stored64}:{server64}"


async def _ensure_login(connection: AsyncConnection, role: str, verifier: str) -> None:
    powers = await connection.execute(
        text(
            "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls"
            " OR EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid)"
            " FROM pg_roles r WHERE rolname = :role"
        ),
        {"role": role},
    )
    powerful = powers.scalar_one_or_none()
    if powerful:
        raise LoginNotWalled(role)
    if powerful is None:
        await connection.exec_driver_sql(
            f'CREATE ROLE "{role}" NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS'
        )
    await connection.exec_driver_sql(
        f'ALTER ROLE "{role}" LOGIN NOINHERIT CONNECTION LIMIT {CONNECTION_LIMIT}'
        f" PASSWORD '{verifier}'"
    )


async def _close_database(connection: AsyncConnection, role: str) -> None:
    name = (await connection.execute(text("SELECT current_database()"))).scalar_one()
    database = connection.dialect.identifier_preparer.quote_identifier(str(name))
    for statement in (
        f'REVOKE ALL ON DATABASE {database} FROM PUBLIC, "{role}"',
        f'GRANT CONNECT ON DATABASE {database} TO "{role}"',
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f'ALTER ROLE "{role}" IN DATABASE {database} SET search_path = "{role}"',
        *(
            f"ALTER ROLE \"{role}\" IN DATABASE {database} SET {setting} = '{value}'"
            for setting, value in _SESSION.items()
        ),
    ):
        await connection.exec_driver_sql(statement)
