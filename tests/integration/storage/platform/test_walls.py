import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.cold.engine import connect
from storage.cold.walls import (
    CONNECTION_LIMIT,
    LoginNotWalled,
    close_maintenance_databases,
    provision_tenant,
    tenant_database_url,
    tenant_role,
)

Session = asyncpg.Connection
PASSWORDS = {"acme-power": "a%/@:?#& b", "borea": "b"}


@asynccontextmanager
async def session(url: str) -> AsyncIterator[Session]:
    connection = await connect(url, application_name="test-walls")
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def walled(admin: AsyncEngine) -> AsyncEngine:
    """Two tenants, each with a table as a migration would leave it, and one row in it."""
    for tenant, password in PASSWORDS.items():
        await provision_tenant(admin, tenant, password=password)
        async with admin.begin() as connection:
            table = f"{tenant_role(tenant)}.kept"
            await connection.execute(text(f"CREATE TABLE {table} (owner text)"))
            await connection.execute(text(f"INSERT INTO {table} VALUES ('{tenant}')"))
    return admin


@pytest.fixture
def urls(walled: AsyncEngine, database_url: str) -> dict[str, str]:
    return {
        tenant: tenant_database_url(database_url, tenant, password)
        for tenant, password in PASSWORDS.items()
    }


@pytest.fixture
async def acme(urls: dict[str, str]) -> AsyncIterator[Session]:
    async with session(urls["acme-power"]) as opened:
        yield opened


async def test_a_tenant_works_in_its_own_schema(acme: Session) -> None:
    await acme.execute("INSERT INTO kept VALUES ('new')")
    await acme.execute("UPDATE kept SET owner = 'changed' WHERE owner = 'new'")
    await acme.execute("DELETE FROM kept WHERE owner = 'changed'")

    assert await acme.fetchval("SELECT owner FROM kept") == "acme-power"
    assert await acme.fetchval("SELECT current_schema()") == "t_acme_power"
    assert await acme.fetchval("SHOW statement_timeout") == "30s"


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("SELECT * FROM t_borea.kept", id="read_a_neighbour"),
        pytest.param("INSERT INTO t_borea.kept VALUES ('x')", id="write_to_a_neighbour"),
        pytest.param("SELECT version_num FROM t_borea.alembic_version", id="a_neighbours_version"),
        pytest.param("BEGIN; LOCK TABLE t_borea.kept", id="lock_a_neighbour"),
        pytest.param("SELECT 't_borea.kept'::regclass", id="name_a_neighbours_table"),
        pytest.param("SELECT * FROM platform.tenants", id="read_the_tenants"),
        pytest.param("SELECT * FROM platform.api_keys", id="read_the_keys"),
        pytest.param("CREATE SCHEMA mine", id="create_a_schema"),
        pytest.param("CREATE TABLE more (x int)", id="create_a_table"),
        pytest.param("CREATE TABLE public.more (x int)", id="create_a_public_table"),
        pytest.param("CREATE TEMP TABLE more (x int)", id="create_a_temporary_table"),
        pytest.param("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", id="function"),
        pytest.param("DROP TABLE kept", id="drop_its_own_table"),
        pytest.param("TRUNCATE kept", id="truncate_its_own_table"),
        pytest.param("UPDATE alembic_version SET version_num = 'x'", id="forge_its_version"),
        pytest.param("CREATE ROLE friend", id="create_a_login"),
        pytest.param("CREATE DATABASE more", id="create_a_database"),
        pytest.param("SET ROLE t_borea", id="become_a_neighbour"),
        pytest.param("SET SESSION AUTHORIZATION t_borea", id="log_in_as_a_neighbour"),
        pytest.param("ALTER ROLE t_acme_power CONNECTION LIMIT 100", id="raise_its_limit"),
        pytest.param("ALTER ROLE t_acme_power SUPERUSER", id="become_an_administrator"),
        pytest.param("ALTER ROLE t_borea PASSWORD 'x'", id="change_a_neighbours_password"),
        pytest.param("SELECT * FROM pg_authid", id="read_the_passwords"),
        pytest.param("SELECT pg_read_file('PG_VERSION')", id="read_a_file_of_the_server"),
        pytest.param("COPY kept TO '/tmp/gridfaas-leak'", id="write_a_file_of_the_server"),
        pytest.param("COPY kept TO PROGRAM 'true'", id="run_a_program_on_the_server"),
        pytest.param("ALTER SYSTEM SET fsync = off", id="change_the_server"),
    ],
)
async def test_nothing_else_is_open(acme: Session, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await acme.execute(statement)


async def test_only_its_own_tables_are_listed(acme: Session) -> None:
    listed = await acme.fetch(
        "SELECT DISTINCT table_schema FROM information_schema.tables"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
    )

    assert [row["table_schema"] for row in listed] == ["t_acme_power"]


async def test_a_tenant_cannot_open_its_rows_to_a_neighbour(
    acme: Session, urls: dict[str, str]
) -> None:
    # PostgreSQL answers with a warning and grants nothing.
    await acme.execute("GRANT USAGE ON SCHEMA t_acme_power TO t_borea")
    await acme.execute("GRANT SELECT ON kept TO t_borea")

    async with session(urls["borea"]) as borea:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await borea.fetch("SELECT * FROM t_acme_power.kept")


async def test_a_neighbours_sessions_cannot_be_seen_into_or_ended(
    acme: Session, urls: dict[str, str]
) -> None:
    async with session(urls["borea"]) as borea:
        pid = await borea.fetchval("SELECT pg_backend_pid()")
        query = await acme.fetchval("SELECT query FROM pg_stat_activity WHERE pid = $1", pid)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await acme.execute(f"SELECT pg_terminate_backend({pid})")

    assert query == "<insufficient privilege>"


async def test_the_login_takes_its_own_password_only(
    urls: dict[str, str], database_url: str
) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect(tenant_database_url(database_url, "acme-power", PASSWORDS["borea"]))


async def test_connections_are_few_and_a_neighbours_are_not_touched(urls: dict[str, str]) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(CONNECTION_LIMIT):
            await stack.enter_async_context(session(urls["acme-power"]))
        with pytest.raises(asyncpg.TooManyConnectionsError):
            await connect(urls["acme-power"])
        borea = await stack.enter_async_context(session(urls["borea"]))

        assert await borea.fetchval("SELECT owner FROM kept") == "borea"


async def test_many_at_once_all_get_their_place(admin: AsyncEngine, database_url: str) -> None:
    tenants = [f"tenant-{n}" for n in range(4)]

    await asyncio.gather(*(provision_tenant(admin, tenant, password="x") for tenant in tenants))

    for tenant in tenants:
        async with session(tenant_database_url(database_url, tenant, "x")) as opened:
            tables = await opened.fetchval(
                "SELECT count(*) FROM information_schema.tables"
                " WHERE table_schema = current_schema() AND table_name = 'alembic_version'"
            )
        assert tables == 1


async def test_provisioning_again_renews_the_password_and_keeps_the_rows(
    walled: AsyncEngine, database_url: str
) -> None:
    await provision_tenant(walled, "borea", password="renewed")

    async with session(tenant_database_url(database_url, "borea", "renewed")) as borea:
        assert await borea.fetchval("SELECT owner FROM kept") == "borea"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect(tenant_database_url(database_url, "borea", PASSWORDS["borea"]))


@pytest.mark.parametrize(
    "power",
    [
        "ALTER ROLE t_borea SUPERUSER",
        "ALTER ROLE t_borea CREATEDB",
        "GRANT t_acme_power TO t_borea",
    ],
)
async def test_a_login_that_is_more_than_a_tenants_is_refused(
    walled: AsyncEngine, power: str
) -> None:
    async with walled.begin() as connection:
        await connection.execute(text(power))

    with pytest.raises(LoginNotWalled, match="t_borea"):
        await provision_tenant(walled, "borea", password="x")


class TestOtherDatabases:
    @pytest.fixture
    async def closed(self, walled: AsyncEngine) -> AsyncIterator[None]:
        await close_maintenance_databases(walled)
        yield
        async with walled.begin() as connection:
            for database in ("postgres", "template1"):
                await connection.execute(text(f"GRANT CONNECT ON DATABASE {database} TO PUBLIC"))

    @pytest.mark.parametrize("database", ["postgres", "template1"])
    @pytest.mark.usefixtures("closed")
    async def test_the_maintenance_databases_are_closed(
        self, urls: dict[str, str], database: str
    ) -> None:
        url = urlunsplit(urlsplit(urls["borea"])._replace(path=f"/{database}"))

        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connect(url)
