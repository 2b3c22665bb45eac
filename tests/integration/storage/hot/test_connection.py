"""Deadlines, full memory and memory cost, seen on a real server."""

import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from storage.hot.acl import provision_tenant
from storage.hot.command import pack_command
from storage.hot.connection import CommandRefused, HotConnection, connect
from storage.hot.library import install
from storage.hot.store import RedisHotStore
from storage.hot.strips import METERS_A_STRIP
from storage.ports import StoreFull, StoreUnavailable
from tests.contract.hot_readings import Run, batch_of


@pytest.fixture
async def admin(redis_url: str) -> AsyncIterator[HotConnection]:
    connection = connect(redis_url)
    yield connection
    await connection.aclose()


@pytest.fixture
async def tenant(redis_url: str) -> AsyncIterator[HotConnection]:
    await install(redis_url)
    url = await provision_tenant(redis_url, "acme", password="p" * 32)
    connection = connect(url, max_connections=1)
    yield connection
    await connection.aclose()


@pytest.fixture
def store(tenant: HotConnection) -> RedisHotStore:
    return RedisHotStore(tenant, slug="acme", zone="zone-3a", uplink_limit_bytes=1 << 30)


@pytest.fixture
def full_memory(redis_url: str, store: RedisHotStore) -> Iterator[None]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        before = client.config_get("maxmemory")["maxmemory"]
        client.config_set("maxmemory", "1")
        yield
        client.config_set("maxmemory", before)


async def test_an_answer_past_the_deadline_is_never_read_by_another_call(
    tenant: HotConnection, admin: HotConnection
) -> None:
    await tenant.call("SET", "acme:a", "first")
    await admin.call("CLIENT", "PAUSE", 400, "ALL")

    with pytest.raises(StoreUnavailable, match=r"0\.1 s"):
        await tenant.call("GET", "acme:a", deadline_s=0.1)

    assert await tenant.call("GET", "acme:none") is None


async def test_commands_without_a_wait_between_are_answered_in_their_order(
    tenant: HotConnection,
) -> None:
    values = [("SET", "acme:a", "one"), ("GET", "acme:a"), ("GET", "acme:none")]
    assert await tenant.call_all(list(map(pack_command, values))) == [b"OK", b"one", None]

    refused = [("SET", "acme:a", "two"), ("HGET", "acme:a", "x"), ("GET", "beta:a")]
    with pytest.raises(CommandRefused, match="WRONGTYPE"):
        await tenant.call_all(list(map(pack_command, refused)))
    assert await tenant.call("GET", "acme:a") == b"two"


async def test_nobody_listens(tmp_path: Path) -> None:
    connection = connect(f"unix://{tmp_path}/none.sock", deadline_s=1)
    with pytest.raises(StoreUnavailable):
        await connection.call("PING")
    await connection.aclose()


@pytest.mark.usefixtures("full_memory")
async def test_full_memory_refuses_and_leaves_nothing_behind(
    store: RedisHotStore, admin: HotConnection
) -> None:
    run = Run(values=range(96))

    with pytest.raises(StoreFull):
        await store.accept(batch_of(run))

    assert await admin.call("KEYS", "*acme*") == []
    assert await store.read([run.key]) == {}


async def test_installing_again_changes_nothing(redis_url: str) -> None:
    await install(redis_url)

    assert await install(redis_url) is False


@pytest.mark.parametrize("live", [False, True], ids=["a_day_at_once", "slot_by_slot"])
async def test_a_day_of_96_slots_costs_at_most_16_bytes_a_reading(
    store: RedisHotStore, admin: HotConnection, live: bool
) -> None:
    meters = [f"METER-{number:08d}" for number in range(200)]
    slots = list(range(96))
    random.Random(1).shuffle(slots)
    if live:
        for slot in slots:
            await store.accept(
                batch_of(*(Run(values=[slot], slot=slot, meter_id=meter) for meter in meters))
            )
    else:
        await store.accept(batch_of(*(Run(values=range(96), meter_id=meter) for meter in meters)))
    names = await admin.call("KEYS", "acme:[sp]:*")
    assert isinstance(names, list)
    costs = [await admin.call("MEMORY", "USAGE", name, "SAMPLES", 0) for name in names]
    total = sum(cost for cost in costs if isinstance(cost, int))
    # With the keys, their places in the server's table, and the meters' places.
    assert len(names) == len(meters) / METERS_A_STRIP + 1
    assert 12 < total / len(meters) / 96 <= 16
