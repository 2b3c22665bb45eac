"""What a worker remembers of a registry that is too large to be held whole."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.mdms.known_meters import KnownMeters
from functions.mdms.meter_table import MeterTable
from functions.mdms.registry_cache import MOST_CHANGES, RECHECK_S, RegistryCache
from storage.ports import StoreUnavailable
from tests.unit.functions.mdms.bodies import meter
from tests.unit.functions.mdms.drawn_meters import NAMES, drawn
from tests.unit.functions.mdms.memory_registry import MemoryRegistry

MOST = 4


class Watch:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def source() -> MemoryRegistry:
    return MemoryRegistry(*(meter(name, version=at) for at, name in enumerate(NAMES, start=1)))


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def cache(source: MemoryRegistry, watch: Watch) -> RegistryCache:
    return RegistryCache(source, check_s=1.0, most=MOST, clock=watch)


async def test_only_what_is_asked_for_is_read(cache: RegistryCache, source: MemoryRegistry) -> None:
    table = await cache.of(["M-1", "nobody", "M-1"])

    assert (source.loads, source.looked_up) == (0, ["M-1", "nobody"])
    assert (len(table), table.get("M-1"), table.get("M-2")) == (1, source.meters["M-1"], None)
    assert table.locate(["nobody", "M-1"]).tolist() == [-1, 0]


async def test_what_was_read_is_not_read_again(
    cache: RegistryCache, source: MemoryRegistry, watch: Watch
) -> None:
    await cache.of(["M-1", "M-2"])
    watch.now_s += 10
    await cache.of(["M-2", "M-1"])

    assert source.looked_up == ["M-1", "M-2"]


async def test_a_change_reaches_what_is_remembered(
    cache: RegistryCache, source: MemoryRegistry, watch: Watch
) -> None:
    seen = await cache.of(["M-1", "M-2"])
    source.meters["M-1"] = meter("M-1", version=50, interval_s=1800)

    at_once = await cache.recheck(["M-1"], seen=seen)
    watch.now_s += 2 * RECHECK_S
    later = await cache.recheck(["M-1"], seen=seen)

    assert at_once is seen
    assert later.get("M-1") == source.meters["M-1"]
    assert source.looked_up == ["M-1", "M-2"]


async def test_many_changes_make_it_forget(
    cache: RegistryCache, source: MemoryRegistry, watch: Watch
) -> None:
    await cache.of(["M-1"])
    source.meters["M-1"] = meter("M-1", version=MOST_CHANGES + 100, interval_s=1800)
    watch.now_s += 2

    assert (await cache.get("M-1")) == source.meters["M-1"]
    assert source.looked_up == ["M-1", "M-1"]


async def test_another_incarnation_makes_it_forget(
    cache: RegistryCache, source: MemoryRegistry, watch: Watch
) -> None:
    await cache.of(["M-1", "M-2"])
    source.incarnation = 7
    del source.meters["M-2"]
    watch.now_s += 2

    assert [one.meter_id for one in await cache.some(["M-1", "M-2"])] == ["M-1"]


async def test_a_registry_that_grows_is_no_longer_held_whole(
    cache: RegistryCache, source: MemoryRegistry, watch: Watch
) -> None:
    for name in NAMES[MOST:]:
        del source.meters[name]
    whole = await cache.of([])
    source.meters["NEW"] = meter("NEW", version=99)
    watch.now_s += 2
    part = await cache.of(["NEW"])

    assert (len(whole), len(part), source.looked_up) == (MOST, 1, ["NEW"])


async def test_a_registry_that_grows_within_the_bound_is_not_read_again(
    cache: RegistryCache, source: MemoryRegistry, watch: Watch
) -> None:
    for name in NAMES[MOST - 1 :]:
        del source.meters[name]
    await cache.of([])
    source.meters["NEW"] = meter("NEW", version=99)
    watch.now_s += 2
    table = await cache.of(["NEW"])

    assert (len(table), source.loads, source.looked_up) == (MOST, 1, [])


async def test_remembered_meters_stay_known_while_the_store_is_away(
    cache: RegistryCache, source: MemoryRegistry, watch: Watch
) -> None:
    await cache.of(["M-1"])
    source.reachable = False
    watch.now_s += 10

    assert (await cache.of(["M-1"])).get("M-1") == source.meters["M-1"]
    with pytest.raises(StoreUnavailable):
        await cache.of(["M-2"])


async def test_parts_and_pages_cover_everything(
    cache: RegistryCache, source: MemoryRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.mdms.registry_cache.METERS_A_PART", 5)

    parts = [(NAMES[part], table) async for part, table in cache.parts(NAMES)]
    pages = [some async for some in cache.every()]

    assert [name for names, _ in parts for name in names] == NAMES
    assert all(table.get(name) is not None for names, table in parts for name in names)
    assert [one.meter_id for some in pages for one in some] == sorted(NAMES)
    assert max(len(some) for some in pages) == 5


async def test_what_is_read_during_a_change_is_not_remembered(
    cache: RegistryCache, source: MemoryRegistry, watch: Watch
) -> None:
    await cache.of(["M-2"])
    old = source.meters["M-1"]

    async def change() -> None:
        source.meters["M-1"] = meter("M-1", version=50, interval_s=1800)
        watch.now_s += 2
        await cache.of(["M-2"])

    source.meanwhile = change
    assert await cache.get("M-1") == old
    assert await cache.get("M-1") == source.meters["M-1"]


@given(
    asked=st.lists(st.lists(st.sampled_from(NAMES), max_size=8), max_size=20),
    most=st.integers(1, 8),
)
def test_no_more_are_held_than_the_bound_says(asked: list[list[str]], most: int) -> None:
    every = {name: meter(name) for name in NAMES}
    known = KnownMeters(most)
    for names in asked:
        found, missing = known.find(names)
        assert found.keys() | set(missing) == set(names)
        assert not found.keys() & set(missing)
        known.put({name: every[name] for name in missing})
        assert len(known) <= max(2, most)


@settings(deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("change"), st.sampled_from(NAMES), st.integers(0, 11)),
            st.tuples(st.just("ask"), st.lists(st.sampled_from(NAMES), max_size=6), st.just(0)),
            st.tuples(st.just("anew"), st.sampled_from(NAMES), st.integers(0, 11)),
        ),
        max_size=25,
    )
)
def test_both_forms_answer_alike(steps: list[tuple[str, str | list[str], int]]) -> None:
    source = MemoryRegistry(*(drawn(name, version=1, kind=0) for name in NAMES[:6]))
    watch = Watch()
    whole, part = (
        RegistryCache(source, check_s=1.0, most=most, clock=watch) for most in (1_000, 3)
    )

    async def carried_out() -> None:
        version = 1
        for what, named, kind in steps:
            if what == "ask":
                names = list(named)
                tables = [await cache.of(names) for cache in (whole, part)]
                assert [tables[0].get(name) for name in names] == [
                    tables[1].get(name) for name in names
                ]
                assert await whole.some(names) == await part.some(names)
                continue
            version += 1
            assert isinstance(named, str)
            if what == "anew":
                source.incarnation += 1
                source.meters.clear()
            source.meters[named] = drawn(named, version=version, kind=kind)
            watch.now_s += 2

    asyncio.run(carried_out())


async def test_what_is_looked_up_while_it_is_exchanged_is_not_remembered(
    cache: RegistryCache, source: MemoryRegistry, watch: Watch
) -> None:
    seen = await cache.of(["M-1"])
    old = source.meters["M-2"]
    exchanged: list[asyncio.Task[MeterTable]] = []

    async def exchange() -> None:
        source.incarnation = 7
        source.meters["M-2"] = meter("M-2", version=50, interval_s=1800)
        watch.now_s += 2 * RECHECK_S
        exchanged.append(asyncio.create_task(cache.recheck(["M-2"], seen=seen)))
        # It has begun and has not ended.
        await asyncio.sleep(0)

    source.meanwhile = exchange
    assert await cache.get("M-2") == old

    assert (await exchanged[0]).get("M-2") == source.meters["M-2"]
    assert await cache.get("M-2") == source.meters["M-2"]
