import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.cold.engine import create_engine
from storage.cold.walls import provision_tenant
from storage.migrations import upgrade
from storage.platform.keys import Role
from storage.platform.registry import Registry
from storage.platform.snapshot import ZoneEntry
from storage.platform.tables import metadata

SHAPE = text(
    "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns"
    " WHERE table_schema = 'platform' OR table_schema LIKE 't\\_%' ORDER BY 1, 2, 3"
)


@pytest.fixture
def migrated_twice(database_url: str) -> str:
    upgrade(database_url)
    return database_url


@pytest.fixture
async def engine(migrated_twice: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(migrated_twice, pool_size=2)
    yield engine
    await engine.dispose()


async def test_running_again_changes_nothing(engine: AsyncEngine) -> None:
    registry = Registry(engine)
    await registry.zones.record([ZoneEntry(name="zone-1", tier=1)])
    async with engine.connect() as connection:
        versions = (
            await connection.execute(text("SELECT version_num FROM platform.alembic_version"))
        ).all()

    assert await registry.version() == 2
    assert len(versions) == 1


async def test_the_tables_in_code_are_those_in_the_database(engine: AsyncEngine) -> None:
    def columns(connection: Connection) -> dict[str, dict[str, tuple[str, bool]]]:
        inspector, dialect = inspect(connection), connection.dialect
        return {
            table: {
                column["name"]: (column["type"].compile(dialect), bool(column["nullable"]))
                for column in inspector.get_columns(table, schema="platform")
            }
            for table in inspector.get_table_names(schema="platform")
            if table != "alembic_version"
        }

    async with engine.connect() as connection:
        found = await connection.run_sync(columns)
        dialect = connection.dialect

    assert found == {
        table.name: {
            column.name: (column.type.compile(dialect), bool(column.nullable))
            for column in table.columns
        }
        for table in metadata.tables.values()
    }


async def test_keys_made_before_messages_may_use_them_unless_their_scopes_are_their_own(
    engine: AsyncEngine, migrated_twice: str
) -> None:
    registry = Registry(engine)
    await registry.zones.record([ZoneEntry(name="zone-1", tier=1)])
    await registry.tenants.create(slug="acme", name="Acme", zones=["zone-1"])
    old = ["mdms:read", "mdms:write"]
    for role, scopes in (("tenant-service", old), ("tenant-service", old[:1]), ("consumer", old)):
        await registry.keys.create(role=Role(role), tenant="acme", scopes=scopes)
    before = await registry.version()
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE platform.alembic_version SET version_num = '0006'"))
    await engine.dispose()

    await asyncio.to_thread(upgrade, migrated_twice)

    found = [(key.role, list(key.scopes)) for key in await registry.keys.list(tenant="acme")]
    assert sorted(found) == [
        ("consumer", old),
        ("tenant-service", ["mdms:read"]),
        ("tenant-service", [*old, "messaging:read", "messaging:write"]),
    ]
    assert await registry.version() == before + 1


async def test_keys_of_zones_made_before_bridges_may_bring_messages(
    engine: AsyncEngine, migrated_twice: str
) -> None:
    registry = Registry(engine)
    await registry.zones.record([ZoneEntry(name="zone-1", tier=1)])
    old = ["mdms:read", "mdms:write", "messaging:read", "platform:snapshot"]
    for scopes in (old, old[:2]):
        await registry.keys.create(role=Role.ZONE, zone="zone-1", scopes=scopes)
    before = await registry.version()
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE platform.alembic_version SET version_num = '0007'"))
    await engine.dispose()

    await asyncio.to_thread(upgrade, migrated_twice)

    found = [list(key.scopes) for key in await registry.keys.list()]
    assert sorted(found) == [old[:2], sorted([*old, "messaging:write"])]
    assert await registry.version() == before + 1


class TestTenantSchemas:
    @pytest.fixture
    async def shape(self, engine: AsyncEngine) -> list[tuple[str, ...]]:
        registry = Registry(engine)
        await registry.zones.record([ZoneEntry(name="zone-1", tier=1)])
        for slug in ("acme", "not-yet-provisioned"):
            await registry.tenants.create(slug=slug, name=slug, zones=["zone-1"])
        await provision_tenant(engine, "acme", password="a")
        async with engine.connect() as connection:
            rows = (await connection.execute(SHAPE)).all()
        # Let go before `upgrade` runs a loop of its own.
        await engine.dispose()
        return [tuple(row) for row in rows]

    @pytest.fixture
    def upgraded(self, shape: list[tuple[str, ...]], migrated_twice: str) -> str:
        upgrade(migrated_twice)
        return migrated_twice

    async def test_upgrade_visits_those_that_exist(
        self, engine: AsyncEngine, shape: list[tuple[str, ...]], upgraded: str
    ) -> None:
        async with engine.connect() as connection:
            after = [tuple(row) for row in (await connection.execute(SHAPE)).all()]

        assert after == shape
        assert ("t_acme", "alembic_version") in {row[:2] for row in after}
        assert not [row for row in after if row[0] == "t_not_yet_provisioned"]
