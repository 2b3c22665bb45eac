"""The zone's durable copy of a tenant's meters."""

from collections.abc import AsyncIterator

import pytest

from storage.hot.acl import provision_tenant
from storage.hot.connection import connect
from storage.hot.library import install
from storage.hot.registry import MeterRegistry
from storage.model.meter import Meter, RegistryPosition


@pytest.fixture
async def registry(redis_url: str) -> AsyncIterator[MeterRegistry]:
    await install(redis_url)
    connection = connect(await provision_tenant(redis_url, "acme", password="p" * 32))
    yield MeterRegistry(connection, slug="acme")
    await connection.aclose()


def _meter(number: int, *, version: int, interval_s: int = 900) -> Meter:
    return Meter(
        meter_id=f"M-{number}",
        registers=("1-0:1.8.0", "1-0:2.8.0"),
        interval_s=interval_s,
        feeder="F-01",
        time_zone="Asia/Baghdad",
        version=version,
    )


NONE = RegistryPosition(0, 0)
FIRST, SECOND = 5_000, 9_000
"""Two incarnations."""


def at(version: int, incarnation: int = FIRST) -> RegistryPosition:
    return RegistryPosition(incarnation, version)


async def test_a_registry_starts_empty(registry: MeterRegistry) -> None:
    assert await registry.position() == NONE
    assert await registry.load_all() == (NONE, {})


async def test_changes_move_the_copy_forward(registry: MeterRegistry) -> None:
    first = [_meter(number, version=number + 1) for number in range(2500)]
    changed = _meter(7, version=2501, interval_s=1800)

    assert await registry.apply(first, after=0, to=at(2500)) == at(2500)
    assert await registry.apply([changed], after=2500, to=at(2501)) == at(2501)

    position, meters = await registry.load_all()
    assert position == at(2501)
    assert len(meters) == 2500
    assert meters["M-7"] == changed
    assert meters["M-8"] == first[8]


async def test_an_older_page_that_comes_again_undoes_nothing(registry: MeterRegistry) -> None:
    old, new = _meter(1, version=1), _meter(1, version=2, interval_s=1800)
    await registry.apply([old], after=0, to=at(1))
    await registry.apply([new], after=1, to=at(2))

    assert await registry.apply([old], after=0, to=at(1)) == at(2)
    assert await registry.load_all() == (at(2), {"M-1": new})


async def test_a_page_that_would_leave_a_hole_changes_nothing(registry: MeterRegistry) -> None:
    await registry.apply([_meter(1, version=1)], after=0, to=at(1))

    assert await registry.apply([_meter(3, version=3)], after=2, to=at(3)) == at(1)
    assert (await registry.load_all())[1].keys() == {"M-1"}


async def test_a_version_without_changes_moves_on(registry: MeterRegistry) -> None:
    assert await registry.apply([], after=0, to=at(3)) == at(3)
    assert await registry.position() == at(3)


async def test_a_copy_without_an_incarnation_goes_on(registry: MeterRegistry) -> None:
    await registry.apply([_meter(1, version=1)], after=0, to=at(1, 0))

    assert await registry.apply([_meter(2, version=2)], after=1, to=at(2, 0)) == at(2, 0)
    assert (await registry.load_all())[1].keys() == {"M-1", "M-2"}


async def test_the_first_incarnation_counts_as_it_comes(registry: MeterRegistry) -> None:
    meters = [_meter(number, version=number) for number in (1, 2)]

    some = await registry.apply(meters[:1], after=0, to=at(1), complete=False)
    soon = await registry.load_all()
    whole = await registry.apply(meters[1:], after=1, to=at(2), complete=False)

    assert some == at(1)
    assert soon == (at(1), {"M-1": meters[0]})
    assert await registry.taken() is None
    assert whole == await registry.position() == at(2)


async def test_another_incarnation_takes_the_place_of_all_at_once(registry: MeterRegistry) -> None:
    before = [_meter(number, version=number) for number in (1, 2, 3)]
    await registry.apply(before, after=0, to=at(3))
    again = [_meter(1, version=1, interval_s=1800), _meter(9, version=2)]

    assert await registry.taken() is None
    taken = await registry.apply(again[:1], after=0, to=at(1, SECOND), complete=False)
    assert taken == at(1, SECOND)
    assert await registry.taken() == taken
    assert (await registry.load_all())[1].keys() == {"M-1", "M-2", "M-3"}
    assert await registry.position() == at(3)
    # Of this incarnation, but not what follows.
    assert await registry.apply([], after=2, to=at(4, SECOND)) == at(3)

    assert await registry.apply(again[1:], after=1, to=at(2, SECOND)) == at(2, SECOND)
    assert await registry.taken() is None
    assert await registry.load_all() == (at(2, SECOND), {"M-1": again[0], "M-9": again[1]})
    # What a slow parent still tells of the one before is over.
    assert await registry.apply(before, after=0, to=at(8)) == at(2, SECOND)


async def test_a_registry_that_was_restored_to_nothing_is_empty(registry: MeterRegistry) -> None:
    await registry.apply([_meter(1, version=1)], after=0, to=at(1))

    assert await registry.apply([], after=0, to=at(0, SECOND)) == at(0, SECOND)
    assert await registry.load_all() == (at(0, SECOND), {})
