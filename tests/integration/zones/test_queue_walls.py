"""Every zone has queues, and messaging alone their key: also at headquarters, on a real Valkey."""

from pathlib import Path

import pytest

from storage.hot.acl import provision_tenant
from storage.hot.connection import CommandRefused, connect
from zones.agent.queue_walls import QueueWalls
from zones.agent.wall_keeper import WallKeeper
from zones.agent.walls import WallNotBuilt


async def test_messaging_has_its_login_and_no_tenant_has_one(
    redis_url: str, tmp_path: Path
) -> None:
    admin = connect(redis_url, max_connections=1)
    keeper = WallKeeper(
        QueueWalls(redis_url=redis_url, admin=admin, state_dir=tmp_path), tenants=frozenset
    )
    try:
        await keeper.reconcile()
        assert keeper.done
        messaging = connect((await keeper.credentials(None)).redis_url or "")
        tenant = connect(await provision_tenant(redis_url, "acme", password="p" * 32))
        try:
            added = ("FCALL", "gfq1_add", 1, "q:acme", "one", "hello", 5, 10_000, "keep_s", 1)
            assert await messaging.call(*added) == b""
            with pytest.raises(CommandRefused, match="No permissions"):
                await tenant.call("GET", "q:acme:c:one")
            with pytest.raises(CommandRefused, match="No permissions"):
                await tenant.call(*added)
        finally:
            await messaging.aclose()
            await tenant.aclose()
    finally:
        await admin.aclose()


async def test_a_store_that_would_lose_calls_is_refused(redis_url: str, tmp_path: Path) -> None:
    admin = connect(redis_url, max_connections=1)
    walls = QueueWalls(redis_url=redis_url, admin=admin, state_dir=tmp_path)
    await admin.call("CONFIG", "SET", "appendfsync", "everysec")
    try:
        with pytest.raises(WallNotBuilt, match="appendfsync"):
            await walls.prepare()
    finally:
        await admin.call("CONFIG", "SET", "appendfsync", "always")
        await admin.aclose()
