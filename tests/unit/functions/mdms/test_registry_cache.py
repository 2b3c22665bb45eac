"""How the worker's copy of the registry follows the store."""

import pytest

from functions.mdms.registry_cache import RECHECK_S, RegistryCache
from storage.model.meter import Meter, RegistryPosition
from storage.ports import StoreUnavailable
from tests.unit.functions.mdms.bodies import meter


class Source:
    """A registry that can be cut off."""

    def __init__(self) -> None:
        self.meters = {"A": meter("A", version=1)}
        self.incarnation = 0
        self.reachable = True
        self.versions_asked = 0
        self.loads = 0

    async def position(self) -> RegistryPosition:
        if not self.reachable:
            raise StoreUnavailable("cut off")
        self.versions_asked += 1
        newest = max(one.version for one in self.meters.values())
        return RegistryPosition(self.incarnation, newest)

    async def load_all(self) -> tuple[RegistryPosition, dict[str, Meter]]:
        self.loads += 1
        return await self.position(), dict(self.meters)


class Watch:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def cache(source: Source, watch: Watch) -> RegistryCache:
    return RegistryCache(source, check_s=1.0, clock=watch)


async def test_it_is_read_once_while_nothing_changes(
    cache: RegistryCache, source: Source, watch: Watch
) -> None:
    for _ in range(5):
        await cache.table()
        watch.now_s += 2.0

    assert source.loads == 1


async def test_a_change_is_seen_after_the_check_interval(
    cache: RegistryCache, source: Source, watch: Watch
) -> None:
    await cache.table()
    source.meters["B"] = meter("B", version=2)

    before = await cache.table()
    watch.now_s += 1.0
    after = await cache.table()

    assert (before.version, before.get("B")) == (1, None)
    assert (after.version, after.get("B")) == (2, source.meters["B"])


async def test_a_recheck_sees_a_change_sooner_but_not_at_any_rate(
    cache: RegistryCache, source: Source, watch: Watch
) -> None:
    await cache.table()
    source.meters["B"] = meter("B", version=2)

    at_once = await cache.recheck()
    watch.now_s += 2 * RECHECK_S
    later = await cache.recheck()

    assert (at_once.version, later.version) == (1, 2)


async def test_known_meters_stay_known_while_the_store_is_away(
    cache: RegistryCache, source: Source, watch: Watch
) -> None:
    await cache.table()
    source.reachable = False
    watch.now_s += 10.0

    assert (await cache.table()).get("A") == source.meters["A"]


async def test_a_registry_that_was_never_read_cannot_be_guessed(
    cache: RegistryCache, source: Source
) -> None:
    source.reachable = False

    with pytest.raises(StoreUnavailable):
        await cache.table()


async def test_changes_are_listed_in_the_order_they_were_made(
    cache: RegistryCache, source: Source
) -> None:
    source.meters |= {name: meter(name, version=at) for at, name in ((4, "C"), (3, "D"))}

    table = await cache.table()

    assert [one.meter_id for one in table.changed_after(1)] == ["D", "C"]
    assert [one.meter_id for one in table.all()] == ["A", "C", "D"]


async def test_another_incarnation_of_the_same_version_is_read_anew(
    cache: RegistryCache, source: Source, watch: Watch
) -> None:
    await cache.table()
    source.incarnation = 7
    source.meters = {"B": meter("B", version=1)}
    watch.now_s += 2.0

    table = await cache.table()

    assert table.position == RegistryPosition(7, 1)
    assert (table.get("A"), table.get("B")) == (None, source.meters["B"])
