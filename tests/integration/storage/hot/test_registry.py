"""The zone's durable copy of a tenant's meters."""

from collections.abc import AsyncIterator

import pytest

from storage.hot.acl import provision_tenant
from storage.hot.connection import connect
from storage.hot.library import install
from storage.hot.registry import MeterRegistry
from storage.model.meter import Meter


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


async def test_a_registry_starts_empty(registry: MeterRegistry) -> None:
    assert await registry.version() == 0
    assert await registry.load_all() == (0, {})


async def test_changes_move_the_copy_forward(registry: MeterRegistry) -> None:
    first = [_meter(number, version=number + 1) for number in range(2500)]
    changed = _meter(7, version=2501, interval_s=1800)

    assert await registry.apply(first, version=2500) == 2500
    assert await registry.apply([changed], version=2501) == 2501

    version, meters = await registry.load_all()
    assert version == 2501
    assert len(meters) == 2500
    assert meters["M-7"] == changed
    assert meters["M-8"] == first[8]


async def test_an_older_page_that_comes_again_undoes_nothing(registry: MeterRegistry) -> None:
    old, new = _meter(1, version=1), _meter(1, version=2, interval_s=1800)
    await registry.apply([old], version=1)
    await registry.apply([new], version=2)

    assert await registry.apply([old], version=1) == 2
    assert await registry.load_all() == (2, {"M-1": new})


async def test_a_version_without_changes_moves_on(registry: MeterRegistry) -> None:
    assert await registry.apply([], version=3) == 3
    assert await registry.version() == 3
