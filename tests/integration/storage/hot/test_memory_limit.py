"""A tenant's memory in the hot store is counted as it grows, and bounded."""

from collections.abc import AsyncIterator

import numpy as np
import pytest

from storage.hot.acl import provision_tenant
from storage.hot.connection import HotConnection, connect
from storage.hot.library import install
from storage.hot.store import RedisHotStore
from storage.hot.strips import METERS_A_STRIP
from storage.model.payload import Batch
from storage.model.uplink import UplinkEntry
from storage.ports import Outcome, StoreFull
from tests.contract.event_readings import Event, events_of
from tests.contract.hot_readings import DAY, Run, batch_of

STRIP = METERS_A_STRIP * 96 * 12


@pytest.fixture
async def tenant(redis_url: str) -> AsyncIterator[HotConnection]:
    await install(redis_url)
    connection = connect(await provision_tenant(redis_url, "acme", password="p" * 32))
    yield connection
    await connection.aclose()


def store(tenant: HotConnection, *, limit: int = 1 << 30) -> RedisHotStore:
    return RedisHotStore(
        tenant,
        slug="acme",
        zone="zone-3a",
        uplink_limit_bytes=1 << 30,
        memory_limit_bytes=limit,
    )


async def test_what_is_counted_covers_what_the_server_uses(
    redis_url: str, tenant: HotConnection
) -> None:
    one = store(tenant)
    admin = connect(redis_url)
    runs = [Run(values=[5], meter_id=f"M-{at}", interval_s=60) for at in range(20)]
    events = [Event(value=at, at=at + 1) for at in range(50)]
    await one.accept(batch_of(*runs))
    await one.accept(batch_of(*(Run(values=[6], meter_id=f"M-{at}") for at in range(20))))
    await one.accept(batch_of(*(Run(values=[7], meter_id=f"M-{at}") for at in range(20))))
    await one.accept(events_of(*events))

    names = await admin.call("KEYS", "acme:*:*")
    assert isinstance(names, list)
    used = [await admin.call("MEMORY", "USAGE", name) for name in names]
    await admin.aclose()

    total = sum(size for size in used if isinstance(size, int))
    assert 0.8 * total < await one.held_bytes() < 1.5 * total


async def test_a_strip_is_counted_once_however_often_it_is_written(tenant: HotConnection) -> None:
    one = store(tenant)
    await one.accept(batch_of(Run(values=[1]), Run(values=[2], slot=9)))
    after_first = await one.held_bytes()
    await one.accept(batch_of(Run(values=[1, 3])))

    assert STRIP < after_first < STRIP + 300
    assert await one.held_bytes() == after_first


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(batch_of(Run(values=[1], day=DAY + 1)), id="a_new_strip"),
        pytest.param(events_of(*(Event(value=at, at=at) for at in range(1, 9))), id="events"),
        pytest.param(batch_of(Run(values=[99] * 8)), id="corrections"),
    ],
)
async def test_nothing_is_written_above_the_limit(tenant: HotConnection, batch: Batch) -> None:
    kept = Run(values=range(8))
    before = await store(tenant).accept(batch_of(kept))
    held = await store(tenant).held_bytes()
    full = store(tenant, limit=held + 100)

    with pytest.raises(StoreFull):
        await full.accept(batch)
    assert await full.relay([UplinkEntry("z", 1, b"", batch_of(kept).encode())], caller="z") == 1
    with pytest.raises(StoreFull):
        await full.relay([UplinkEntry("z", 2, b"", batch.encode())], caller="z")

    assert await full.held_bytes() == held
    assert (await full.read([kept.key]))[kept.key]["final"].tolist()[:8] == list(range(8))
    repeated = await full.accept(batch_of(kept))
    assert repeated.outcomes.tolist() == [Outcome.DUPLICATE] * 8
    more = await full.accept(batch_of(Run(values=[8], slot=8)))
    assert more.sequence > before.sequence
    np.testing.assert_array_equal(more.outcomes, [Outcome.ACCEPTED])
