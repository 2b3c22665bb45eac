"""The port `RecordStore`, on PostgreSQL, through a tenant's own walled login."""

import asyncio
import random
from collections.abc import AsyncIterator

import numpy as np
import pytest

from storage.cold.pool import open_pool
from storage.cold.record import EdgeRefused, PostgresRecordStore
from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.quality import Quality
from storage.model.received import MAX_AHEAD
from storage.model.uplink import UplinkEntry
from storage.ports import StoreFull
from tests.contract.event_readings import Event
from tests.contract.hot_readings import DAY, REGISTER, Run
from tests.contract.received_orders import chain, posts
from tests.contract.record_versions import (
    a_day_of_traffic,
    entry,
    event_entry,
    expected,
    expected_events,
    expected_revisions,
)
from tests.integration.storage.cold.tenant import provisioned


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresRecordStore]:
    async with open_pool(await provisioned(database_url)) as pool:
        yield PostgresRecordStore(pool)


async def fold_all(store: PostgresRecordStore, *, max_entries: int = 1000) -> int:
    folded = 0
    while (step := await store.fold(max_entries=max_entries)).moved:
        folded += step.entries
    return folded


async def assert_holds(store: PostgresRecordStore, entries: list[UplinkEntry]) -> None:
    want = expected(entries)
    got = await store.read([*want, BlockKey("M-none", REGISTER, DAY, 900)])
    assert got.keys() == want.keys()
    for key, slots in want.items():
        np.testing.assert_array_equal(got[key], slots, err_msg=str(key))
    events = expected_events(entries)
    nobody = EventKey("M-none", REGISTER, DAY, 0)
    found = await store.read_events([*events, nobody])
    assert found.keys() == events.keys()
    for event_key, block in events.items():
        np.testing.assert_array_equal(found[event_key], block, err_msg=str(event_key))
    revisions = await store.read_revisions([*want], [*events, nobody])
    assert revisions == expected_revisions(entries)


async def test_what_was_appended_can_be_read_before_and_after_the_fold(
    store: PostgresRecordStore,
) -> None:
    entries = [entry(Run(values=[10, 0, 30]), Run(values=[7], meter_id="M-2", slot=95), sequence=1)]

    assert await store.append(entries) == 1
    await assert_holds(store, entries)
    assert (await store.waiting()).entries == 1
    assert (await store.fold(max_entries=10)).entries == 1
    assert (await store.waiting()).entries == 0
    await assert_holds(store, entries)
    assert (await store.fold(max_entries=10)).entries == 0


@pytest.mark.parametrize("seed", range(4))
async def test_order_repetition_and_splitting_change_nothing(
    store: PostgresRecordStore, seed: int
) -> None:
    entries = a_day_of_traffic(seed)
    rng = random.Random(seed)
    rest = entries.copy()
    while rest:
        cut = rng.randrange(1, 12)
        post, rest = rest[:cut], rest[cut:]
        assert await store.append(post) == len(post)
        if rng.random() < 0.4:
            rng.shuffle(post)
            assert await store.append(post) == len(post)
        if rng.random() < 0.3:
            await store.fold(
                max_entries=rng.randrange(1, 20), max_slots=rng.choice([300, 3_000, 10**6])
            )
            await assert_holds(store, entries[: len(entries) - len(rest)])
    await store.append(entries)
    await assert_holds(store, entries)
    assert (await store.waiting()).entries < len(entries)
    await fold_all(store, max_entries=7)
    await assert_holds(store, entries)


@pytest.mark.parametrize("seed", range(4))
async def test_entries_that_say_after_which_they_come_may_come_in_any_order(
    store: PostgresRecordStore, seed: int
) -> None:
    entries = [*chain(30, edge="zone-3a#1"), *chain(30, edge="zone-3b#7", day=DAY + 1)]
    rng = random.Random(seed)
    order = [*range(60), *(rng.randrange(60) for _ in range(30))]
    rng.shuffle(order)

    for post in posts(order, entries, 1 + seed * 4):
        assert await store.append(post, caller="zone-2") == len(post)
        assert await store.append(post, caller="zone-2") == len(post)

    assert (await store.waiting()).entries == 60
    await assert_holds(store, entries)
    # What comes in order behind them takes the short way again.
    last = chain(31, edge="zone-3a#1")[-2:]
    assert await store.append(last, caller="zone-2") == 2
    assert (await store.waiting()).entries == 61


async def test_an_edge_may_have_many_gaps_but_not_any_number(store: PostgresRecordStore) -> None:
    apart = chain(2 * MAX_AHEAD + 3)[1::2]

    with pytest.raises(StoreFull):
        await store.append(apart)
    await store.append(apart[:MAX_AHEAD])

    with pytest.raises(StoreFull):
        await store.append(apart[MAX_AHEAD:])
    await store.append(chain(1))
    await store.append(apart[MAX_AHEAD:])
    assert (await store.waiting()).entries == MAX_AHEAD + 2


async def test_a_late_estimate_or_an_older_value_never_replaces_a_correction(
    store: PostgresRecordStore,
) -> None:
    entries = [
        entry(Run(values=[100]), sequence=10, edge="zone-3b"),
        entry(Run(values=[90], quality=Quality.EDITED), sequence=20, edge="zone-3b"),
        entry(Run(values=[80]), sequence=5),
        entry(Run(values=[70], quality=Quality.ESTIMATED), sequence=30),
    ]
    for each in entries:
        await store.append([each])
        await store.fold(max_entries=1)

    (slots,) = (await store.read([BlockKey("M-1", REGISTER, DAY, 900)])).values()
    assert slots[0].tolist() == (100, 90, Quality.EDITED, 3, 3)
    await assert_holds(store, entries)


async def test_two_posts_of_the_same_entries_at_once_are_stored_once(
    store: PostgresRecordStore,
) -> None:
    entries = [
        entry(Run(values=[number], slot=number), sequence=number, edge=edge)
        for number in range(1, 20)
        for edge in ("zone-3a", "zone-3b")
    ]

    async def post(cut: int) -> None:
        for first in range(0, len(entries), cut):
            await store.append(entries[first : first + cut])

    await asyncio.gather(*(post(cut) for cut in (3, 5, 38, 38)))

    assert (await store.waiting()).entries == len(entries)
    await assert_holds(store, entries)


async def test_two_folders_at_once_share_the_work(store: PostgresRecordStore) -> None:
    entries = a_day_of_traffic(9)
    for each in entries:
        await store.append([each])

    folded = await asyncio.gather(fold_all(store, max_entries=5), fold_all(store, max_entries=3))

    assert sum(folded) == len(entries)
    await assert_holds(store, entries)


async def test_a_block_with_more_than_a_chunk_of_slots_and_many_lengths(
    store: PostgresRecordStore,
) -> None:
    runs = [
        Run(values=[meter, meter + 1], meter_id=f"M-{meter}", interval_s=interval_s)
        for meter in range(150)
        for interval_s in (60, 300, 86_400)
        if interval_s < 86_400 or meter < 0
    ] + [Run(values=[meter], meter_id=f"D-{meter}", interval_s=86_400) for meter in range(100)]
    entries = [
        entry(*runs, sequence=1),
        entry(Run(values=[5], interval_s=60), sequence=2, edge="b"),
    ]
    await store.append(entries)
    await store.fold(max_entries=10)

    await assert_holds(store, entries)


@pytest.mark.parametrize("edge", ["", "a\0b", "a\nb", "x" * 65])
async def test_an_unusable_edge_is_refused(store: PostgresRecordStore, edge: str) -> None:
    with pytest.raises(EdgeRefused):
        await store.append(
            [entry(Run(values=[1]), sequence=1), entry(Run(values=[1]), sequence=2, edge=edge)]
        )

    assert (await store.waiting()).entries == 0


async def test_a_zone_brings_many_edges_and_not_any_number(
    store: PostgresRecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.cold.record.MAX_EDGES", 300)
    entries = [entry(Run(values=[n]), sequence=n, edge=f"zone-3a#{n}") for n in range(1, 301)]
    await store.append(entries, caller="zone-2")

    with pytest.raises(EdgeRefused):
        await store.append([entry(Run(values=[1]), sequence=1, edge="e")], caller="zone-2")
    other = entry(Run(values=[9]), sequence=1000, edge="zone-3b#1")
    await store.append([other], caller="zone-2b")
    assert (await store.waiting()).entries == 301
    await fold_all(store)
    await assert_holds(store, [*entries, other])


async def test_a_block_of_more_edges_than_it_can_name_keeps_its_readings(
    store: PostgresRecordStore,
) -> None:
    """As the stamps are no longer all told apart, only the values are compared."""
    entries = [
        entry(Run(values=[n], slot=n, interval_s=60), sequence=n + 1, edge=f"zone-3a#{n}")
        for n in range(400)
    ]
    await store.append(entries)
    await fold_all(store)
    await store.append([entry(Run(values=[7], slot=400, interval_s=60), sequence=500)])
    await fold_all(store)

    (slots,) = (await store.read([BlockKey("M-1", REGISTER, DAY, 60)])).values()
    assert slots["final"][:401].tolist() == [*range(400), 7]


async def test_an_entry_that_came_two_ways_counts_once(store: PostgresRecordStore) -> None:
    first = entry(Run(values=[5]), sequence=20, edge="zone-3a#1")
    older = entry(Run(values=[4], slot=1), sequence=10, edge="zone-3a#1")
    await store.append([first], caller="zone-2a")
    await store.append([older, first], caller="zone-2b")

    await assert_holds(store, [older, first])
    await fold_all(store)
    await store.append([older], caller="zone-2a")
    await store.append([first], caller="zone-2c")
    await fold_all(store)
    await assert_holds(store, [older, first])


async def test_events_can_be_read_before_and_after_the_fold(store: PostgresRecordStore) -> None:
    entries = [
        event_entry(Event(value=2**62), Event(value=-(2**63), at=86_399), sequence=1),
        entry(Run(values=[5]), sequence=2),
        event_entry(Event(value=7, interval_s=900), Event(value=8, meter_id="M-2"), sequence=3),
    ]
    await store.append(entries)

    await assert_holds(store, entries)
    assert (await store.fold(max_entries=10)).entries == 3
    await assert_holds(store, entries)
    assert await store.read_events([]) == {}
    assert await store.read_revisions([], []) == []


async def test_an_event_that_is_wholly_excluded_opens_no_block(store: PostgresRecordStore) -> None:
    entries = [event_entry(Event(value=1), Event(value=2, day=DAY + 1), sequence=1, excluded=[0])]
    await store.append(entries)
    await fold_all(store)

    await assert_holds(store, entries)
    assert await store.read_events([Event(value=1).key]) == {}


async def test_more_event_blocks_than_are_held_at_once(store: PostgresRecordStore) -> None:
    meters = [f"M-{number}" for number in range(4_100)]
    first = [Event(value=number, meter_id=name) for number, name in enumerate(meters)]
    again = [Event(value=9, at=8, meter_id=name) for name in meters[::7]]
    entries = [event_entry(*first, sequence=1), event_entry(*again, sequence=2, edge="zone-3b")]
    for each in entries:
        await store.append([each])
        await store.fold(max_entries=1)

    await assert_holds(store, entries)
