"""A zone's walls over a restart of its store."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.servers.valkey import running_valkey
from storage.cold.engine import create_engine
from storage.hot.connection import HotConnection, connect
from storage.platform.registry import Registry
from storage.platform.snapshot import ZoneEntry
from zones.agent.wall_keeper import WallKeeper
from zones.agent.walls import ColdWalls, HotWalls, WallNotBuilt


@pytest.fixture
async def admin(redis_url: str) -> AsyncIterator[HotConnection]:
    connection = connect(redis_url)
    yield connection
    await connection.aclose()


async def test_a_tenant_keeps_its_login_over_an_agents_restart(
    redis_url: str, admin: HotConnection, tmp_path: Path
) -> None:
    urls = set()
    for _ in range(2):
        walls = HotWalls(redis_url=redis_url, admin=admin, state_dir=tmp_path)
        keeper = WallKeeper(walls, tenants=lambda: ["acme"])
        assert not keeper.done
        await keeper.reconcile()
        assert keeper.done
        urls.add((await keeper.credentials("acme")).redis_url)

    assert len(urls) == 1
    assert _modes_of_files(tmp_path) == {0o600}


async def test_a_restarted_store_that_lost_its_users_gets_them_again(
    server_folder: Path, tmp_path: Path
) -> None:
    state, run = server_folder / "lost", server_folder / "l"
    with running_valkey(state, run) as server:
        admin = connect(server.url)
        walls = HotWalls(redis_url=server.url, admin=admin, state_dir=tmp_path)
        keeper = WallKeeper(walls, tenants=lambda: ["acme"])
        await keeper.reconcile()
        url = (await keeper.credentials("acme")).redis_url
        assert url is not None
        await admin.call("ACL", "DELUSER", "t:acme")
        await admin.call("ACL", "SAVE")
        await admin.aclose()
    with running_valkey(state, run):
        await keeper.reconcile()

        async with redis.asyncio.from_url(url) as store:
            assert await store.set("acme:x", "1")
        await admin.aclose()


async def test_a_store_that_would_lose_readings_gets_no_tenant(
    redis_url: str, admin: HotConnection, tmp_path: Path
) -> None:
    walls = HotWalls(redis_url=redis_url, admin=admin, state_dir=tmp_path)
    keeper = WallKeeper(walls, tenants=lambda: ["acme"])
    await admin.call("CONFIG", "SET", "appendfsync", "everysec")
    try:
        with pytest.raises(WallNotBuilt, match="appendfsync is 'everysec'"):
            await keeper.reconcile()
    finally:
        await admin.call("CONFIG", "SET", "appendfsync", "always")

    assert not keeper.done
    await keeper.reconcile()
    assert keeper.done


async def test_a_tenant_that_leaves_loses_its_redis_login_and_keeps_its_data(
    redis_url: str, admin: HotConnection, tmp_path: Path
) -> None:
    tenants = {"acme", "basra"}
    walls = HotWalls(redis_url=redis_url, admin=admin, state_dir=tmp_path)
    keeper = WallKeeper(walls, tenants=lambda: tenants)
    await keeper.reconcile()
    url = (await keeper.credentials("acme")).redis_url
    assert url is not None
    async with redis.asyncio.from_url(url) as store:
        await store.set("acme:x", "1")

        tenants.remove("acme")
        await keeper.reconcile()

        assert keeper.done
        # Its open connection is closed by the server, and a new one is refused.
        with pytest.raises(redis.exceptions.RedisError):
            await store.get("acme:x")
    assert await admin.call("GET", "acme:x") == b"1"
    assert await walls.admitted() == {"basra"}
    assert not (tmp_path / "hot" / "t:acme").exists()

    tenants.add("acme")
    await keeper.reconcile()
    again = (await keeper.credentials("acme")).redis_url
    assert again is not None
    assert again != url
    async with redis.asyncio.from_url(again) as store:
        assert await store.get("acme:x") == b"1"


async def test_an_agent_that_knows_no_tenants_yet_dismisses_none(
    redis_url: str, admin: HotConnection, tmp_path: Path
) -> None:
    walls = HotWalls(redis_url=redis_url, admin=admin, state_dir=tmp_path)
    await WallKeeper(walls, tenants=lambda: ["acme"]).reconcile()

    await WallKeeper(walls, tenants=lambda: None).reconcile()
    assert await walls.admitted() == {"acme"}

    # A later agent, told that the tenant is gone, ends the login that it never gave.
    await WallKeeper(walls, tenants=lambda: []).reconcile()
    assert await walls.admitted() == frozenset()


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    made = create_engine(database_url)
    yield made
    await made.dispose()


async def test_a_tenant_that_leaves_loses_its_postgresql_login_and_keeps_its_rows(
    database_url: str, engine: AsyncEngine, tmp_path: Path
) -> None:
    registry = Registry(engine)
    await registry.zones.record([ZoneEntry(name="zone-1", tier=1)])
    for slug in ("acme-power", "basra"):
        await registry.tenants.create(slug=slug, name=slug, zones=["zone-1"])
    tenants = {"acme-power", "basra"}
    walls = ColdWalls(database_url=database_url, engine=engine, state_dir=tmp_path)
    keeper = WallKeeper(walls, tenants=lambda: tenants)
    await keeper.reconcile()
    url = (await keeper.credentials("acme-power")).database_url
    assert url is not None
    session = await asyncpg.connect(url)
    tables = await session.fetch("SELECT * FROM pg_tables WHERE schemaname = 't_acme_power'")

    tenants.remove("acme-power")
    await keeper.reconcile()

    sessions = text("SELECT count(*) FROM pg_stat_activity WHERE usename = 't_acme_power'")
    for _ in range(1000):
        # Within one transaction the view would stay as it was.
        async with engine.connect() as connection:
            if not (await connection.execute(sessions)).scalar_one():
                break
        await asyncio.sleep(0.02)
    else:
        pytest.fail("the tenant's session goes on")
    session.terminate()
    with pytest.raises(asyncpg.PostgresError):
        await asyncpg.connect(url)
    assert await walls.admitted() == {"basra"}
    tenants.add("acme-power")
    await keeper.reconcile()
    again = (await keeper.credentials("acme-power")).database_url
    session = await asyncpg.connect(again)
    assert len(tables) == len(
        await session.fetch("SELECT * FROM pg_tables WHERE schemaname = 't_acme_power'")
    )
    assert tables
    await session.close()


def _modes_of_files(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
