"""The ledger at headquarters: each range of a segment once, whoever sends it again."""

import asyncio
from datetime import UTC, datetime

import pytest

from storage.platform.ledger.batch import LedgerBatch, pack_frames, read_batch
from storage.platform.ledger.segment import frame
from storage.platform.registry import Registry
from tests.integration.storage.platform.conftest import admin, registry
from tests.unit.storage.platform.ledger.records import record

__all__ = ["admin", "registry"]

FIRST = frame(record(1)) + frame(record(2))
SECOND = frame(record(3))
YEAR_0 = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_1 = datetime(1971, 1, 1, tzinfo=UTC)


def batch(frames: bytes, *, offset: int, segment: str = "1.ledger") -> LedgerBatch:
    body = pack_frames(frames) if frames else b""
    return read_batch(zone="zone-3a", segment=segment, offset=offset, body=body)


async def calls(registry: Registry) -> list[str]:
    return [found.call_id async for found in registry.ledger.read(since=YEAR_0, until=YEAR_1)]


async def test_batches_are_taken_in_order_and_once(registry: Registry) -> None:
    ledger = registry.ledger

    assert await ledger.append(batch(b"", offset=0)) == 0
    assert await ledger.append(batch(SECOND, offset=len(FIRST))) == 0
    assert await ledger.append(batch(FIRST, offset=0)) == len(FIRST)
    assert await ledger.append(batch(FIRST, offset=0)) == len(FIRST)
    assert await ledger.append(batch(FIRST + SECOND, offset=0)) == len(FIRST)
    assert await ledger.append(batch(SECOND, offset=len(FIRST))) == len(FIRST + SECOND)

    assert await calls(registry) == ["call-1", "call-2", "call-3"]


async def test_many_senders_of_the_same_batch_leave_it_once(registry: Registry) -> None:
    answers = await asyncio.gather(
        *(registry.ledger.append(batch(FIRST, offset=0)) for _ in range(8))
    )

    assert answers == [len(FIRST)] * 8
    assert await calls(registry) == ["call-1", "call-2"]


@pytest.mark.parametrize(
    ("since_us", "until_us", "found"),
    [(1, 3, ["call-1", "call-2"]), (2, 3, ["call-2"]), (3, 9, ["call-3"]), (4, 9, [])],
)
async def test_a_time_is_cut_out_to_the_microsecond(
    registry: Registry, since_us: int, until_us: int, found: list[str]
) -> None:
    await registry.ledger.append(batch(FIRST, offset=0))
    await registry.ledger.append(batch(SECOND, offset=0, segment="2.ledger"))

    def at(us: int) -> datetime:
        return YEAR_0.replace(microsecond=us)

    read = registry.ledger.read(since=at(since_us), until=at(until_us))
    assert [entry.call_id async for entry in read] == found
    elsewhere = registry.ledger.read(since=YEAR_0, until=YEAR_1, zone="zone-3b")
    assert [entry.call_id async for entry in elsewhere] == []
