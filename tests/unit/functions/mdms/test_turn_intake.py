"""A turn is bounded by bytes, whole batches at a time, and says when more may be behind it."""

import pytest

from functions.mdms.turn_intake import take_turn
from tests.unit.functions.mdms.vee.memory_zone import MemoryZone


@pytest.mark.parametrize(
    ("room", "batches", "more"), [(0.5, 1, True), (1, 1, True), (2.5, 2, True), (9, 3, False)]
)
async def test_it_opens_what_fits_and_tells_a_backlog(
    room: float, batches: int, more: bool
) -> None:
    zone = MemoryZone("A", "B")
    for hour in range(3):
        zone.relay({("A", hour): 100, ("A", hour + 3): 100, ("B", hour): 200})

    taken = await take_turn(zone, max_bytes=int(room * zone.entries[0].size))

    assert taken.waiting == zone.entries[:batches]
    assert [len(batch) for batch, _ in taken.batches] == [3] * batches
    assert taken.more_waits is more


async def test_nothing_waits() -> None:
    taken = await take_turn(MemoryZone("A"))

    assert not taken.waiting
    assert not taken.more_waits
