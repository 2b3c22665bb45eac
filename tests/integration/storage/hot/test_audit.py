"""The look at what a zone holds: every reading of the days asked for, of one tenant, once."""

from collections.abc import AsyncIterator

import pytest

from storage.hot.acl import provision_tenant
from storage.hot.audit import count_distinct, held_readings
from storage.hot.connection import CommandRefused, HotConnection, connect
from storage.hot.library import install
from storage.hot.store import RedisHotStore
from tests.contract.event_readings import Event, events_of
from tests.contract.hot_readings import DAY, Run, batch_of

ITS_DAY = range(DAY, DAY + 1)


@pytest.fixture
async def connection(redis_url: str) -> AsyncIterator[HotConnection]:
    await install(redis_url)
    opened = connect(redis_url)
    yield opened
    await opened.aclose()


@pytest.fixture
def store(connection: HotConnection) -> RedisHotStore:
    return store_of(connection, "acme")


def store_of(connection: HotConnection, slug: str) -> RedisHotStore:
    return RedisHotStore(connection, slug=slug, zone="zone-3a", uplink_limit_bytes=1 << 30)


async def count(redis_url: str, days: range | None = ITS_DAY) -> int:
    return count_distinct([await held_readings(redis_url, slug="acme", days=days)])


async def test_absent_slots_do_not_count_and_zeros_do(store: RedisHotStore, redis_url: str) -> None:
    await store.accept(batch_of(Run(values=[5, 0, 7], slot=40)))

    assert await count(redis_url) == 3


async def test_a_correction_is_still_one_reading(store: RedisHotStore, redis_url: str) -> None:
    await store.accept(batch_of(Run(values=[5, 6])))
    await store.accept(batch_of(Run(values=[5, 8])))

    assert await count(redis_url) == 2


async def test_off_grid_readings_count(store: RedisHotStore, redis_url: str) -> None:
    await store.accept(batch_of(Run(values=[5])))
    await store.accept(events_of(Event(value=9, at=907, interval_s=900), Event(value=1, at=3)))

    assert await count(redis_url) == 3


async def test_only_the_days_asked_for_count(store: RedisHotStore, redis_url: str) -> None:
    for day in (DAY - 1, DAY, DAY + 1, DAY + 7):
        await store.accept(batch_of(Run(values=[1, 2], day=day)))

    assert await count(redis_url) == 2
    assert await count(redis_url, range(DAY, DAY + 2)) == 4
    assert await count(redis_url, None) == 8


async def test_a_neighbours_readings_are_not_counted(
    store: RedisHotStore, connection: HotConnection, redis_url: str
) -> None:
    await store.accept(batch_of(Run(values=[1])))
    await store_of(connection, "acme-two").accept(batch_of(Run(values=[1, 2, 3])))

    assert await count(redis_url) == 1


async def test_what_two_zones_hold_is_counted_once(
    store: RedisHotStore, connection: HotConnection, redis_url: str
) -> None:
    await store.accept(batch_of(Run(values=[1, 2, 3])))
    first = await held_readings(redis_url, slug="acme")
    await connection.call("FLUSHALL")
    await install(redis_url)
    await store.accept(batch_of(Run(values=[3, 4], slot=2), Run(values=[9], meter_id="M-2")))

    assert count_distinct([first, await held_readings(redis_url, slug="acme")]) == 5


async def test_a_tenants_own_login_cannot_look(redis_url: str) -> None:
    url = await provision_tenant(redis_url, "acme", password="o" * 32)

    with pytest.raises(CommandRefused, match="scan"):
        await held_readings(url, slug="acme")
