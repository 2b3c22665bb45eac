"""A zone's walls over a restart of its store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio

from deploy.servers.valkey import running_valkey
from storage.hot.connection import HotConnection, connect
from zones.agent.wall_keeper import WallKeeper
from zones.agent.walls import HotWalls


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


def _modes_of_files(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
