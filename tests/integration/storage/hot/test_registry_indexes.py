"""Meters of a zone's copy of the registry, found without reading all of it."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec
import pytest
import redis

from storage.hot.acl import provision_tenant
from storage.hot.connection import HotConnection, connect
from storage.hot.library import install
from storage.hot.registry import MeterRegistry
from storage.model.meter import Formula, Meter, RegistryPosition, Term, encode_meter

FIRST, SECOND, THIRD = 5_000, 9_000, 11_000
"""Incarnations."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A zone's copy, and the store that it is in."""

    registry: MeterRegistry
    connection: HotConnection
    url: str

    def keys(self, pattern: str) -> list[bytes]:
        with redis.Redis.from_url(self.url) as admin:
            found: list[bytes] = admin.keys(pattern)
            return found


@pytest.fixture
async def copy(redis_url: str) -> AsyncIterator[Copy]:
    await install(redis_url)
    connection = connect(await provision_tenant(redis_url, "acme", password="p" * 32))
    yield Copy(MeterRegistry(connection, slug="acme", forget_after_s=0), connection, redis_url)
    await connection.aclose()


def _meter(number: int, *, version: int, feeder: str | None = None) -> Meter:
    return Meter(
        meter_id=f"M-{number}",
        registers=("1-0:1.8.0",),
        interval_s=900 if number % 3 else 1_800,
        feeder=feeder or f"F-{number % 7}",
        transformer=f"T-{number // 50}",
        service_point=f"SP-{number // 2}",
        time_zone="Asia/Baghdad",
        version=version,
    )


def at(version: int, incarnation: int = FIRST) -> RegistryPosition:
    return RegistryPosition(incarnation, version)


async def _all_changes(registry: MeterRegistry, *, limit: int) -> list[Meter]:
    found: list[Meter] = []
    position, complete = 0, False
    while not complete:
        page = await registry.changes(after=position, limit=limit)
        assert len(page.meters) <= limit
        assert all(position < one.version <= page.position.version for one in page.meters)
        found += page.meters
        position, complete = page.position.version, page.complete
    assert position == (await registry.position()).version
    return found


@pytest.mark.parametrize("limit", [1, 400, 10_000])
async def test_changes_come_in_their_order_each_meter_once(copy: Copy, limit: int) -> None:
    count = 300 if limit == 1 else 3_000
    order = random.Random(7).sample(range(count), count)
    first = [_meter(number, version=version) for version, number in enumerate(order, start=1)]
    again = [_meter(number, version=count + number, feeder="NEW") for number in range(1, count, 9)]
    await copy.registry.apply(first, after=0, to=at(count))
    await copy.registry.apply(again, after=count, to=at(2 * count))

    newest = {one.meter_id: one for one in first + again}
    wanted = sorted(newest.values(), key=lambda one: one.version)
    assert await _all_changes(copy.registry, limit=limit) == wanted


async def test_versions_far_apart_are_found(copy: Copy) -> None:
    versions = [3, 40_000, 5_000_000]
    meters = [_meter(number, version=version) for number, version in enumerate(versions)]
    await copy.registry.apply(meters, after=0, to=at(6_000_000))

    assert await _all_changes(copy.registry, limit=2) == meters
    assert (await copy.registry.changes(after=5_999_999, limit=2)).meters == []


@pytest.mark.parametrize(("shape", "a_call"), [("any", 300), ("falling", 7), ("later first", 130)])
async def test_pages_are_by_id_in_whatever_order_meters_came(
    copy: Copy, shape: str, a_call: int
) -> None:
    order = sorted(range(2_000), key=lambda number: f"M-{number}")
    if shape == "any":
        random.Random(3).shuffle(order)
    elif shape == "falling":
        order.reverse()
    else:
        order = order[1_000:] + order[:1_000]
    for begin in range(0, 2_000, a_call):
        some = order[begin : begin + a_call]
        meters = [_meter(one, version=begin + n) for n, one in enumerate(some, start=1)]
        await copy.registry.apply(meters, after=begin, to=at(begin + len(some)))

    seen: list[str] = []
    while page := await copy.registry.page(after=seen[-1] if seen else "", limit=170):
        seen += [one.meter_id for one in page]

    assert seen == sorted(f"M-{number}" for number in range(2_000))
    assert [one.meter_id for one in await copy.registry.page(after="M-1998", limit=2)] == [
        "M-1999",
        "M-2",
    ]


async def test_a_meter_is_found_under_the_labels_it_has_now(copy: Copy) -> None:
    meters = [_meter(number, version=number + 1) for number in range(500)]
    await copy.registry.apply(meters, after=0, to=at(500))
    moved = _meter(7, version=501, feeder="F-1")
    await copy.registry.apply([moved], after=500, to=at(501))
    there_and_back = [_meter(8, version=502, feeder="F-2"), _meter(8, version=503)]
    for one in there_and_back:
        await copy.registry.apply([one], after=one.version - 1, to=at(one.version))

    find = copy.registry.indexes.labelled
    now = {one.meter_id: one for one in [*meters, moved, *there_and_back]}
    for feeder in ("F-0", "F-1", "F-2"):
        wanted = sorted(name for name, one in now.items() if one.feeder == feeder)
        assert [one.meter_id for one in await find("feeder", feeder, most=1_000)] == wanted
    assert len(await find("transformer", "T-3", most=1_000)) == 50
    assert [one.meter_id for one in await find("service_point", "SP-4", most=9)] == ["M-8", "M-9"]
    assert await find("feeder", "nowhere", most=9) == []


async def test_a_meter_that_comes_twice_on_a_page_is_one(copy: Copy) -> None:
    twice = [_meter(1, version=1), _meter(2, version=2), _meter(1, version=3, feeder="NEW")]
    await copy.registry.apply(twice, after=0, to=at(3))
    await copy.registry.apply([_meter(3, version=4)], after=3, to=at(4))

    assert await copy.registry.count(FIRST) == 3
    assert [one.meter_id for one in await _all_changes(copy.registry, limit=9)] == [
        "M-2",
        "M-1",
        "M-3",
    ]


async def test_any_history_ends_in_what_was_said_last(copy: Copy) -> None:
    chance = random.Random(11)
    now: dict[str, Meter] = {}
    version = 0
    for _ in range(40):
        page = []
        for _ in range(chance.randrange(1, 60)):
            version += chance.choice((1, 1, 1, 700))
            number = chance.randrange(400)
            page.append(_meter(number, version=version, feeder=f"F-{chance.randrange(5)}"))
        now |= {one.meter_id: one for one in page}
        held = (await copy.registry.position()).version
        await copy.registry.apply(page, after=held, to=at(version))

    by_version = sorted(now.values(), key=lambda one: one.version)
    assert await _all_changes(copy.registry, limit=37) == by_version
    assert await copy.registry.page(after="", limit=1_000) == [now[name] for name in sorted(now)]
    assert await copy.registry.some(list(now), incarnation=FIRST) == now
    assert (await copy.registry.load_all())[1] == now
    for feeder in range(5):
        wanted = [now[name] for name in sorted(now) if now[name].feeder == f"F-{feeder}"]
        found = await copy.registry.indexes.labelled("feeder", f"F-{feeder}", most=1_000)
        assert found == wanted


@pytest.mark.parametrize("incarnation", [0, FIRST])
async def test_a_copy_of_before_is_laid_out_anew(copy: Copy, incarnation: int) -> None:
    meters = [_meter(number, version=number + 1) for number in range(2_500)]
    formulas = (Formula(since_s=0, terms=(Term(meter_id="M-1"),)),)
    virtual = msgspec.structs.replace(_meter(9_000, version=2_501), formulas=formulas, active=False)
    with redis.Redis.from_url(copy.url) as admin:
        name = f"acme:m:{incarnation}" if incarnation else "acme:m"
        admin.hset(name, mapping={one.meter_id: encode_meter(one) for one in [*meters, virtual]})
        admin.mset(
            {"acme:mv": 2_501, "acme:mi": incarnation} if incarnation else {"acme:mv": 2_501}
        )

    assert await copy.registry.position() == at(2_501, incarnation)
    assert await _all_changes(copy.registry, limit=1_000) == [*meters, virtual]
    assert len(await copy.registry.indexes.labelled("transformer", "T-3", most=99)) == 50
    assert copy.keys("acme:m*") == []
    later = _meter(5, version=2_502, feeder="NEW")
    assert await copy.registry.apply([later], after=2_501, to=at(2_502, incarnation)) == at(
        2_502, incarnation
    )


async def test_what_an_incarnation_took_up_is_given_back(copy: Copy) -> None:
    meters = [_meter(number, version=number + 1) for number in range(2_500)]
    await copy.registry.apply(meters, after=0, to=at(2_500))
    # Begun and never finished.
    await copy.registry.apply(meters[:300], after=0, to=at(300, SECOND), complete=False)
    await copy.registry.apply(meters[:900], after=0, to=at(900, THIRD))

    for _ in range(1_000):
        await copy.registry.position()
        if not copy.keys(f"acme:r:{FIRST}:*") + copy.keys(f"acme:r:{SECOND}:*"):
            break

    assert copy.keys(f"acme:r:{FIRST}:*") + copy.keys(f"acme:r:{SECOND}:*") == []
    assert await copy.registry.position() == at(900, THIRD)
    assert await _all_changes(copy.registry, limit=1_000) == meters[:900]


async def test_what_is_over_stays_for_those_who_have_not_heard(copy: Copy) -> None:
    patient = MeterRegistry(copy.connection, slug="acme")
    meters = [_meter(number, version=number + 1) for number in range(10)]
    await patient.apply(meters, after=0, to=at(10))
    await patient.apply(meters[:1], after=0, to=at(1, SECOND))
    for _ in range(200):
        await patient.position()

    assert len(await patient.some(["M-1", "M-2"], incarnation=FIRST)) == 2


async def test_a_meter_takes_up_few_bytes(copy: Copy) -> None:
    with redis.Redis.from_url(copy.url) as admin:
        before = admin.info("memory")["used_memory"]
        meters = [_meter(10_000_000 + number, version=number + 1) for number in range(20_000)]
        await copy.registry.apply(meters, after=0, to=at(20_000))
        after = admin.info("memory")["used_memory"]

    assert (after - before) / len(meters) < 250
