"""A sweep over many meters goes on from turn to turn; what arrives does not wait for its end."""

import asyncio

from functions.mdms.vee.gap_looks import SWEEP
from storage.model.runs import DAY_S
from tests.unit.functions.mdms.vee.memory_zone import DAY, HOUR_S, MemoryZone
from tests.unit.functions.mdms.vee.test_any_order import GROUP, METERS, by_hand, held

FIRST = {("A", 0): 100} | {("B", hour): 100 + hour for hour in range(10)}
LATER = {("C", 11): 100, ("A", 2): 90}
NEWEST_S = DAY * DAY_S + 12 * HOUR_S


async def drain(zone: MemoryZone) -> None:
    validator = zone.validator(GROUP)
    while await validator.turn():
        pass


def test_what_arrives_is_validated_while_a_sweep_goes_on() -> None:
    zone = MemoryZone(*METERS)
    zone.swept_a_turn = 1

    async def carried_out() -> None:
        validator = zone.validator(GROUP)
        zone.relay(FIRST)
        await validator.turn()
        assert not zone.entries
        assert zone.newest_s == 0
        zone.relay(LATER)
        await validator.turn()
        assert not zone.entries
        assert zone.newest_s == 0
        while await validator.turn():
            pass

    asyncio.run(carried_out())

    assert zone.newest_s == NEWEST_S
    assert held(zone) == by_hand(FIRST | LATER)
    assert zone.exceptions() == held(zone)
    assert SWEEP not in zone.looks


def test_another_worker_knows_of_a_sweep_that_was_left_off_and_of_what_came_since() -> None:
    zone = MemoryZone(*METERS)
    zone.swept_a_turn = 1

    async def left_off() -> None:
        validator = zone.validator(GROUP)
        zone.relay(FIRST)
        await validator.turn()
        zone.relay(LATER)
        await validator.turn()
        await validator.stop()

    asyncio.run(left_off())
    assert not zone.entries
    assert held(zone) != by_hand(FIRST | LATER)

    asyncio.run(drain(zone))

    assert zone.newest_s == NEWEST_S
    assert held(zone) == by_hand(FIRST | LATER)
    assert zone.exceptions() == held(zone)
