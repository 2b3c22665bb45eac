"""Strips on a real server: what is written of one meter leaves its neighbours alone."""

import random
from collections.abc import AsyncIterator

import numpy as np
import pytest

from storage.hot.connection import HotConnection, connect
from storage.hot.library import install
from storage.hot.store import RedisHotStore
from storage.memory import MemoryHotStore
from storage.model.block import BlockKey
from storage.model.quality import Quality
from storage.model.runs import RunBatch
from storage.model.uplink import UplinkEntry, pack_excluded
from storage.ports import HotStore, Outcome
from tests.contract.hot_readings import DAY, REGISTER, Run, batch_of

METERS = [f"M-{number:02}" for number in range(19)]
EXPORT = "1-0:2.8.0"
QUALITIES = [Quality.VALID, Quality.ESTIMATED, Quality.EDITED]


@pytest.fixture
async def connection(redis_url: str) -> AsyncIterator[HotConnection]:
    await install(redis_url)
    opened = connect(redis_url)
    yield opened
    await opened.aclose()


def store_of(connection: HotConnection) -> RedisHotStore:
    return RedisHotStore(connection, slug="acme", zone="zone-3a", uplink_limit_bytes=1 << 30)


def some_runs(chance: random.Random) -> RunBatch:
    """An instant, days, or both, of some meters in any order."""
    runs = []
    shape = chance.choice(["instant", "days", "both"])
    instant = chance.randrange(96)
    for meter in chance.sample(METERS, chance.randint(1, len(METERS))):
        live = shape == "instant" or (shape == "both" and chance.random() < 0.5)
        slot = instant if live else chance.randrange(96)
        length = 1 if live else chance.randint(1, 96 - slot)
        runs.append(
            Run(
                values=[chance.randrange(5) for _ in range(length)],
                slot=slot,
                meter_id=meter,
                register=chance.choice([REGISTER, REGISTER, EXPORT]),
                quality=chance.choice(QUALITIES),
            )
        )
    return batch_of(*runs)


async def held(store: HotStore) -> dict[BlockKey, list[object]]:
    keys = [
        BlockKey(meter, register, DAY, 900) for meter in METERS for register in (REGISTER, EXPORT)
    ]
    return {key: block.tolist() for key, block in (await store.read(keys)).items()}


@pytest.mark.parametrize("seed", range(12))
async def test_instants_and_days_in_any_mixture_end_as_in_memory(
    connection: HotConnection, seed: int
) -> None:
    chance = random.Random(seed)
    writers, memory = [store_of(connection), store_of(connection)], MemoryHotStore()
    for _ in range(25):
        batch = some_runs(chance)
        one = await chance.choice(writers).accept(batch)
        other = await memory.accept(batch)
        assert one.outcomes.tolist() == other.outcomes.tolist()
    for store in (*writers, store_of(connection)):
        assert await held(store) == await held(memory)


@pytest.mark.parametrize("seed", range(6))
async def test_relayed_entries_without_some_readings_end_as_in_memory(
    connection: HotConnection, seed: int
) -> None:
    chance = random.Random(seed)
    store, memory = store_of(connection), MemoryHotStore()
    for page in range(10):
        entries = []
        for number in range(chance.randint(1, 4)):
            batch = some_runs(chance)
            excluded = pack_excluded(np.array([chance.random() < 0.3 for _ in range(len(batch))]))
            entries.append(
                UplinkEntry("zone-3a#1", 10 * page + number + 1, excluded, batch.encode())
            )
        await store.relay(entries, caller="zone-3a")
        await memory.relay(entries, caller="zone-3a")
    assert await held(store) == await held(memory)


async def test_meters_that_arrive_together_share_strips(
    connection: HotConnection, redis_url: str
) -> None:
    store = store_of(connection)
    first = [f"A-{number}" for number in range(20)]
    second = [f"B-{number}" for number in range(12)]
    await store.accept(batch_of(*(Run(values=[1], meter_id=meter) for meter in first)))
    await store.accept(batch_of(*(Run(values=[1], meter_id=meter) for meter in second)))

    names = await connection.call("KEYS", "acme:s:*")

    assert isinstance(names, list)
    assert len(names) == (20 + 12) / 8


async def test_a_store_that_lost_everything_gives_places_anew(connection: HotConnection) -> None:
    known, fresh = store_of(connection), store_of(connection)
    await known.accept(batch_of(*(Run(values=[1], meter_id=meter) for meter in METERS)))
    await connection.call("FLUSHALL")
    mirrored = batch_of(*(Run(values=[2], meter_id=meter) for meter in reversed(METERS[:3])))
    await fresh.accept(mirrored)

    await known.accept(batch_of(*(Run(values=[3], meter_id=meter) for meter in METERS[2:])))

    expected = {meter: 2 for meter in METERS[:2]} | {meter: 3 for meter in METERS[2:]}
    for store in (known, fresh, store_of(connection)):
        blocks = await store.read([BlockKey(meter, REGISTER, DAY, 900) for meter in METERS])
        assert {key.meter_id: int(block["final"][0]) for key, block in blocks.items()} == expected


async def test_a_dropped_day_leaves_its_neighbours_and_the_last_one_the_memory(
    connection: HotConnection,
) -> None:
    store = store_of(connection)
    before = await store.held_bytes()
    await store.accept(batch_of(*(Run(values=[7, 8], meter_id=meter) for meter in METERS[:3])))
    await store.accept(batch_of(Run(values=[9], meter_id=METERS[0])))
    blocks = await store.read([BlockKey(meter, REGISTER, DAY, 900) for meter in METERS[:3]])
    first, *others = blocks

    assert await store.drop({first: blocks[first]}) == {first}

    assert set(await store.read(list(blocks))) == set(others)
    assert await store.drop({first: blocks[first]}) == set()
    assert await store.drop({one: blocks[one] for one in others}) == set(others)
    assert await store.read(list(blocks)) == {}
    assert await connection.call("KEYS", "acme:[sh]:*") == []
    places = 3 * 96
    assert await store.held_bytes() == before + places
    again = await store.accept(batch_of(Run(values=[5], meter_id=METERS[1])))
    assert again.outcomes.tolist() == [Outcome.ACCEPTED]


async def test_a_day_that_changed_since_it_was_read_is_not_dropped(
    connection: HotConnection,
) -> None:
    store = store_of(connection)
    await store.accept(batch_of(Run(values=[7, 8])))
    key = BlockKey("M-1", REGISTER, DAY, 900)
    seen = await store.read([key])
    await store.accept(batch_of(Run(values=[3], slot=50)))

    assert await store.drop(seen) == set()

    assert (await store.read([key]))[key]["final"][[0, 1, 50]].tolist() == [7, 8, 3]
