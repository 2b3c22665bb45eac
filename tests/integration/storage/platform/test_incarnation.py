"""A record that is not the one that zones remember says so, by a new incarnation."""

import secrets
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from deploy.servers.postgres import query
from storage.platform.keys import Role
from storage.platform.registry import Registry, open_registry
from storage.platform.snapshot import Position


async def test_a_new_record_keeps_its_incarnation_over_changes(registry: Registry) -> None:
    first = await registry.settle(seen=None)
    await registry.tenants.create(slug="acme", name="Acme", zones=["zone-3a"])

    second = await registry.settle(seen=first)

    assert second == Position(first.incarnation, first.version + 1)
    assert (await registry.snapshot("zone-3a")).position == second


async def test_a_record_behind_its_zones_begins_anew(registry: Registry) -> None:
    before = await registry.settle(seen=None)
    ahead = Position(before.incarnation, before.version + 7)

    after = await registry.settle(seen=ahead)

    assert after > ahead
    assert after.version == before.version
    assert await registry.settle(seen=ahead) == after


async def _began(database_url: str, *, seconds_ago: float) -> None:
    query(
        database_url,
        "UPDATE platform.version SET incarnation ="
        f" ((extract(epoch FROM clock_timestamp()) - {seconds_ago}) * 1000000)::bigint",
    )


async def test_a_zone_that_holds_what_the_record_lost_makes_it_begin_anew(
    registry: Registry, database_url: str
) -> None:
    await registry.settle()
    await _began(database_url, seconds_ago=3_600)
    before = await registry.settle()
    claimed = Position(before.incarnation + 60_000_000, 1)

    assert await registry.settle(claimed=claimed) > claimed


@pytest.mark.parametrize(
    ("began_s", "ahead_us"),
    [
        pytest.param(3_600, 7_200_000_000, id="of_the_future"),
        pytest.param(3_600, 0, id="nothing_newer"),
        pytest.param(300, 1, id="soon_after_the_last_one"),
    ],
)
async def test_a_zone_cannot_make_the_record_begin_anew_at_will(
    registry: Registry, database_url: str, began_s: float, ahead_us: int
) -> None:
    await registry.settle()
    await _began(database_url, seconds_ago=began_s)
    before = await registry.settle()
    claimed = Position(before.incarnation + ahead_us, before.version)

    assert await registry.settle(claimed=claimed) == before


async def test_a_record_with_a_slow_clock_still_gets_above(registry: Registry) -> None:
    ahead = Position((await registry.settle(seen=None)).incarnation + 10**15, 3)

    assert await registry.settle(seen=ahead) > ahead


@pytest.fixture
async def copy_url(database_url: str, postgres_server: str) -> AsyncIterator[str]:
    """The name of a database to be; dropped afterwards."""
    name = f"copy_{secrets.token_hex(6)}"
    yield urlunsplit(urlsplit(database_url)._replace(path=f"/{name}"))
    query(postgres_server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def test_a_restored_copy_is_newer_than_its_original(
    database_url: str, copy_url: str, postgres_server: str
) -> None:
    async with open_registry(database_url) as original:
        before = await original.settle(seen=None)
    source, copy = (urlsplit(url).path[1:] for url in (database_url, copy_url))
    query(postgres_server, f"CREATE DATABASE {copy} TEMPLATE {source}")
    async with open_registry(database_url) as original, open_registry(copy_url) as restored:
        # Both go their own way under the same version.
        await original.keys.create(role=Role.OPERATOR)
        await restored.keys.create(role=Role.PLATFORM_ADMIN)

        assert await restored.settle(seen=None) > await original.settle(seen=before)
        assert (await restored.settle(seen=None)).version == before.version + 1
