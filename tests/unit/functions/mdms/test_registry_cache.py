"""How the worker's copy of the registry follows the store."""

import pytest

from functions.mdms.registry_cache import RECHECK_S, RegistryCache
from storage.model.meter import RegistryPosition
from storage.ports import StoreUnavailable
from tests.unit.functions.mdms.bodies import meter
from tests.unit.functions.mdms.memory_registry import MemoryRegistry


class Watch:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def source() -> MemoryRegistry:
    return MemoryRegistry(meter("A", version=1))


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def cache(source: MemoryRegistry, watch: Watch) -> RegistryCache:
    return RegistryCache(source, check_s=1.0, clock=watch)


async def test_it_is_read_once_while_nothing_changes(
    cache: RegistryCache, source: MemoryRegistry, watch: Watch
) -> None:
    for _ in range(5):
        await cache.of(["A", "B"])
        watch.now_s += 2.0

    assert source.loads == 1


async def test_a_change_is_seen_after_the_check_interval(
    cache: RegistryCache, source: MemoryRegistry, watch: Watch
) -> None:
    await cache.of(["A", "B"])
    source.meters["B"] = meter("B", version=2)

    before = await cache.of(["A", "B"])
    watch.now_s += 1.0
    after = await cache.of(["A", "B"])

    assert (before.version, before.get("B")) == (1, None)
    assert (after.version, after.get("B")) == (2, source.meters["B"])


async def test_a_recheck_sees_a_change_sooner_but_not_at_any_rate(
    cache: RegistryCache, source: MemoryRegistry, watch: Watch
) -> None:
    seen = await cache.of(["A", "B"])
    source.meters["B"] = meter("B", version=2)

    at_once = await cache.recheck(["A", "B"], seen=seen)
    watch.now_s += 2 * RECHECK_S
    later = await cache.recheck(["A", "B"], seen=seen)

    assert (at_once.version, later.version) == (1, 2)


async def test_known_meters_stay_known_while_the_store_is_away(
    cache: RegistryCache, source: MemoryRegistry, watch: Watch
) -> None:
    await cache.of(["A", "B"])
    source.reachable = False
    watch.now_s += 10.0

    assert (await cache.of(["A", "B"])).get("A") == source.meters["A"]


async def test_a_registry_that_was_never_read_cannot_be_guessed(
    cache: RegistryCache, source: MemoryRegistry
) -> None:
    source.reachable = False

    with pytest.raises(StoreUnavailable):
        await cache.of(["A", "B"])


async def test_another_incarnation_of_the_same_version_is_read_anew(
    cache: RegistryCache, source: MemoryRegistry, watch: Watch
) -> None:
    await cache.of(["A", "B"])
    source.incarnation = 7
    source.meters = {"B": meter("B", version=1)}
    watch.now_s += 2.0

    table = await cache.of(["A", "B"])

    assert table.position == RegistryPosition(7, 1)
    assert (table.get("A"), table.get("B")) == (None, source.meters["B"])
