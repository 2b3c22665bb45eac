"""The uplink as its two users see it: the tenant adds, the link reads, waits and lets go."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from storage.hot.acl import provision_link, provision_tenant
from storage.hot.connection import CommandRefused, HotConnection, connect
from storage.hot.library import UPLINK_ACK, install
from storage.hot.store import RedisHotStore
from storage.hot.uplink import FROM_START, Backlog, Uplink
from storage.model.traffic import INTERVALS
from storage.ports import StoreFull
from tests.contract.hot_readings import Run, batch_of

LIMIT = 1 << 20
ACME = "acme", INTERVALS
EMPTY = Backlog(bytes=0, entries=0, oldest_age_s=0.0)


@pytest.fixture
async def tenant(redis_url: str) -> AsyncIterator[HotConnection]:
    await install(redis_url)
    connection = connect(await provision_tenant(redis_url, "acme", password="p" * 32))
    yield connection
    await connection.aclose()


@pytest.fixture
def store(tenant: HotConnection) -> RedisHotStore:
    return RedisHotStore(tenant, slug="acme", zone="zone-3a", uplink_limit_bytes=LIMIT)


@pytest.fixture
async def uplink(redis_url: str) -> AsyncIterator[Uplink]:
    connection = connect(await provision_link(redis_url, password="l" * 32))
    yield Uplink(connection)
    await connection.aclose()


async def _accept(store: RedisHotStore, *slots: int) -> list[int]:
    return [
        (await store.accept(batch_of(Run(values=[slot], slot=slot)))).sequence for slot in slots
    ]


async def test_entries_come_in_order_and_page_by_page(store: RedisHotStore, uplink: Uplink) -> None:
    sequences = await _accept(store, *range(40))

    pending = await uplink.pending("acme", max_bytes=LIMIT, max_entries=33)
    rest = await uplink.pending("acme", after=pending[-1][0], max_bytes=LIMIT, max_entries=33)

    assert [entry.sequence for _, entry, _ in pending + rest] == sequences == sorted(set(sequences))
    assert len(pending) == 33


async def test_a_page_keeps_its_byte_bound_but_never_stalls(
    store: RedisHotStore, uplink: Uplink
) -> None:
    await _accept(store, 1, 2, 3)
    size = len(batch_of(Run(values=[1], slot=1)).encode())

    two = await uplink.pending("acme", max_bytes=2 * size, max_entries=9)
    one = await uplink.pending("acme", max_bytes=1, max_entries=9)

    assert (len(two), len(one)) == (2, 1)


async def test_small_entries_before_large_ones_keep_the_byte_bound(
    store: RedisHotStore, uplink: Uplink
) -> None:
    runs = [Run(values=[1], slot=slot) for slot in range(20)]
    runs += [Run(values=list(range(30 + n)), slot=n, day=2) for n in range(3)]
    runs += [Run(values=[2], slot=40 + n) for n in range(90)]
    sizes = [len(batch_of(run).encode()) for run in runs]
    for run in runs:
        await store.accept(batch_of(run))
    bound = sum(sizes) * 2 // 3

    first = await uplink.pending("acme", max_bytes=bound, max_entries=999)
    rest = await uplink.pending("acme", after=first[-1].id, max_bytes=bound, max_entries=999)

    found = [len(one.entry.payload) for one in first + rest]
    assert found == sizes
    assert sum(sizes[: len(first)]) <= bound < sum(sizes[: len(first) + 1])


async def test_acknowledging_removes_entries_and_gives_their_room_back(
    store: RedisHotStore, uplink: Uplink
) -> None:
    await _accept(store, 0)
    one = await uplink.backlog("acme")
    await _accept(store, *range(1, 40))
    # A repeat beside a new reading makes an entry with a bitmap.
    await store.accept(batch_of(Run(values=[39, 40], slot=39)))
    pending = await uplink.pending("acme", max_bytes=LIMIT, max_entries=99)

    assert await uplink.acknowledge("acme", pending[38][0]) == 39
    assert await uplink.acknowledge("acme", pending[38][0]) == 0
    left = await uplink.pending("acme", max_bytes=LIMIT, max_entries=99)
    assert left == pending[39:]
    assert (await uplink.backlog("acme")).bytes > one.bytes
    assert await uplink.acknowledge("acme", left[-1][0]) == 2
    assert await uplink.backlog("acme") == EMPTY


async def test_a_store_that_was_full_takes_readings_once_drained(
    tenant: HotConnection, uplink: Uplink
) -> None:
    store = RedisHotStore(tenant, slug="acme", zone="zone-3a", uplink_limit_bytes=600)
    await _accept(store, 0)
    with pytest.raises(StoreFull):
        await _accept(store, *range(1, 96))

    pending = await uplink.pending("acme", max_bytes=LIMIT, max_entries=99)
    await uplink.acknowledge("acme", pending[-1][0])

    (sequence,) = await _accept(store, len(pending))
    assert sequence > pending[-1].entry.sequence


async def test_a_server_at_its_memory_limit_still_lets_go_of_entries(
    redis_url: str, store: RedisHotStore, uplink: Uplink
) -> None:
    await _accept(store, 1, 2, 3)
    pending = await uplink.pending("acme", max_bytes=LIMIT, max_entries=9)
    admin = connect(redis_url)
    _, before = cast(list[bytes], await admin.call("CONFIG", "GET", "maxmemory"))
    await admin.call("CONFIG", "SET", "maxmemory", 1)
    try:
        with pytest.raises(StoreFull):
            await _accept(store, 4)
        assert await uplink.acknowledge("acme", pending[-1][0]) == 3
    finally:
        await admin.call("CONFIG", "SET", "maxmemory", before)
        await admin.aclose()

    assert await uplink.backlog("acme") == EMPTY
    await _accept(store, 4)


async def test_backlog_of_a_tenant_without_readings_is_empty(uplink: Uplink) -> None:
    assert await uplink.backlog("nobody") == EMPTY
    assert await uplink.pending("nobody", max_bytes=LIMIT, max_entries=9) == []


async def test_waiting_ends_with_the_first_new_entry(store: RedisHotStore, uplink: Uplink) -> None:
    waiting = asyncio.create_task(
        uplink.wait({ACME: FROM_START, ("other", INTERVALS): FROM_START}, timeout_s=30)
    )
    await asyncio.sleep(0)
    await _accept(store, 1)

    assert await waiting == {ACME}
    ((seen, _, _),) = await uplink.pending("acme", max_bytes=LIMIT, max_entries=9)
    assert await uplink.wait({ACME: seen}, timeout_s=0.01) == set()


async def test_a_tenant_cannot_let_go_of_its_own_entries(
    store: RedisHotStore, tenant: HotConnection, uplink: Uplink
) -> None:
    await _accept(store, 1, 2)
    pending = await uplink.pending("acme", max_bytes=LIMIT, max_entries=9)

    with pytest.raises(CommandRefused, match=r"[pP]ermission"):
        await tenant.call("FCALL", UPLINK_ACK, 2, "up:acme", "upb:acme", pending[-1][0])

    assert await uplink.pending("acme", max_bytes=LIMIT, max_entries=9) == pending


async def test_entries_can_go_before_older_ones(store: RedisHotStore, uplink: Uplink) -> None:
    await _accept(store, *range(4))
    full = await uplink.backlog("acme")
    first, second, third, fourth = await uplink.pending("acme", max_bytes=LIMIT, max_entries=9)

    assert await uplink.drop("acme", INTERVALS, ids=[second.id, fourth.id]) == 2
    assert await uplink.drop("acme", INTERVALS, ids=[second.id, fourth.id]) == 0

    assert await uplink.pending("acme", max_bytes=LIMIT, max_entries=9) == [first, third]
    assert (await uplink.backlog("acme")).bytes == full.bytes // 2
    assert await uplink.last_id("acme", INTERVALS) == third.id
    assert await uplink.acknowledge("acme", third.id) == 2
    assert await uplink.backlog("acme") == EMPTY
    assert await uplink.last_id("acme", INTERVALS) == FROM_START


async def test_a_part_of_the_stream_can_be_read_by_itself(
    store: RedisHotStore, uplink: Uplink
) -> None:
    await _accept(store, *range(4))
    everything = await uplink.pending("acme", max_bytes=LIMIT, max_entries=9)

    part = await uplink.pending(
        "acme", after=everything[0].id, up_to=everything[2].id, max_bytes=LIMIT, max_entries=9
    )

    assert part == everything[1:3]
