"""A turn is bounded by readings, whole batches at a time, and says when more is behind it."""

import pytest

from functions.mdms.turn_intake import take_turn
from tests.unit.functions.mdms.vee.memory_zone import MemoryZone


@pytest.mark.parametrize(
    ("most_readings", "batches", "more"), [(1, 1, True), (5, 2, True), (7, 3, False)]
)
async def test_it_takes_the_batch_that_reaches_the_bound(
    most_readings: int, batches: int, more: bool
) -> None:
    zone = MemoryZone("A", "B")
    for hour in range(3):
        zone.relay({("A", hour): 100, ("A", hour + 3): 100, ("B", hour): 200})

    taken = await take_turn(zone, most_readings=most_readings)

    assert taken.waiting == zone.entries[:batches]
    assert [len(batch) for batch, _ in taken.batches] == [3] * batches
    assert taken.more_waits is more


async def test_nothing_waits() -> None:
    taken = await take_turn(MemoryZone("A"))

    assert not taken.waiting
    assert not taken.more_waits
