"""A tenant's own login to PostgreSQL, used directly, opens nothing of a neighbour's."""

import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
import pytest_asyncio

from tests.e2e.neighbours import Neighbours
from tests.e2e.stores import cold_store, schema

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

Session = asyncpg.Connection


@pytest_asyncio.fixture(loop_scope="session")
async def our_cold(neighbours: Neighbours) -> AsyncIterator[Session]:
    """Our own login to PostgreSQL, as headquarters keeps it."""
    lab, us = neighbours.lab, neighbours.us
    address = urlsplit(lab.running.stores.database_url)
    query = parse_qs(address.query)
    kept = lab.home.zone_state("zone-1") / "tenants" / f"{us}.json"
    session = await asyncpg.connect(
        host=query["host"][0],
        port=int(query["port"][0]),
        database=address.path[1:],
        user=schema(us),
        password=json.loads(kept.read_bytes())["postgresql_password"],
    )
    yield session
    await session.close(timeout=10)


async def test_our_login_to_postgresql_cannot_read_their_rows(
    neighbours: Neighbours, our_cold: Session
) -> None:
    us, them = neighbours.us, neighbours.them
    async with cold_store(neighbours.lab) as admin:
        tables = {
            row["relname"]: row["nspname"]
            for row in await admin.fetch(
                "SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
                " WHERE relkind IN ('r', 'v', 'm', 'p') AND nspname = ANY ($1)",
                [schema(them), "platform"],
            )
        }
    assert {"blocks", "revisions", "tail", "api_keys"} <= tables.keys()
    assert await our_cold.fetchval(f"SELECT count(*) FROM {schema(us)}.blocks") > 0
    for table, owner in tables.items():
        for statement in (
            f'SELECT * FROM "{owner}"."{table}"',
            f'INSERT INTO "{owner}"."{table}" DEFAULT VALUES',
            f'DELETE FROM "{owner}"."{table}"',
            f'COPY "{owner}"."{table}" TO STDOUT',
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await our_cold.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        'SET ROLE "{them}"',
        'SET SESSION AUTHORIZATION "{them}"',
        'GRANT "{them}" TO "{us}"',
        "ALTER ROLE \"{them}\" PASSWORD 'x'",
        'CREATE TABLE "{them}".x ()',
        "CREATE TABLE public.x ()",
        "CREATE SCHEMA x",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT * FROM pg_authid",
        "SELECT * FROM pg_statistic",
    ],
)
async def test_our_login_to_postgresql_has_no_other_powers(
    neighbours: Neighbours, our_cold: Session, statement: str
) -> None:
    names = {"us": schema(neighbours.us), "them": schema(neighbours.them)}

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await our_cold.execute(statement.format(**names))


async def test_our_login_to_postgresql_does_not_see_their_statements(
    neighbours: Neighbours, our_cold: Session
) -> None:
    seen = await our_cold.fetch(
        "SELECT query FROM pg_stat_activity WHERE usename = $1", schema(neighbours.them)
    )

    assert {row["query"] for row in seen} <= {"<insufficient privilege>", ""}
