"""Who has findings: nobody is missing, memory has a bound, and who lost theirs is forgotten."""

import asyncio
import random
import tracemalloc

import numpy as np
import pytest

from functions.mdms.held_validation import HeldValidation
from functions.mdms.metrics import MdmsMetrics
from functions.mdms.vee.finding_holders import FindingHolders
from functions.mdms.vee.held_findings import BlockName, HeldRun, read_name
from functions.mdms.vee.name_table import NameTable
from functions.mdms.vee.turn import Turn
from tests.unit.functions.mdms.vee.memory_zone import DAY, REGISTER, MemoryZone

MIB = 1 << 20
SPIKE = HeldRun("interval-spike", 3, 1, "warning", None, "all", 1)
ZERO = HeldRun("zero-consumption", 0, 24, "warning", None, "all", 1)


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number:07d}" for number in range(count)]


@pytest.mark.parametrize("most_exact", [0, 99, 100, 1_000])
def test_no_name_that_was_added_is_missing(most_exact: int) -> None:
    table = NameTable(most_exact=most_exact)
    for name in names("m", 100):
        table.add(name)

    assert all(name in table for name in names("m", 100))
    assert table.mask(names("m", 100)).all()


def test_few_names_are_told_apart_exactly() -> None:
    table = NameTable(most_exact=10)
    for name in names("m", 10):
        table.add(name)

    assert not any(name in table for name in names("o", 50_000))
    assert not table.mask(names("o", 50_000)).any()


def test_of_many_names_few_others_seem_to_be_among_them() -> None:
    table = NameTable()
    for name in names("m", 100_000):
        table.add(name)
    others = names("o", 100_000)

    seem = table.mask(others)

    # One in 7,000 is expected.
    assert np.count_nonzero(seem) < 100
    assert seem.tolist() == [name in table for name in others]


def test_memory_does_not_grow_with_the_meters_that_have_findings() -> None:
    holders = FindingHolders()
    tracemalloc.start()
    try:
        for number in range(100_000):
            holders.add(f"meter-{number:012d}", [SPIKE, ZERO])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # Three tables: of any rule, and of two.
    assert held < 3 * 2 * MIB + MIB
    assert "meter-000000000000" in holders


def test_a_meter_has_findings_of_its_rules_only() -> None:
    holders = FindingHolders()
    holders.add("A", [SPIKE])
    holders.add("B", [ZERO])
    holders.add("C", [])

    meters = ["A", "B", "C"]
    assert holders.mask(meters, {"interval-spike"}).tolist() == [True, False, False]
    assert holders.mask(meters, {"zero-consumption", "high-low"}).tolist() == [False, True, False]
    assert [name in holders for name in meters] == [True, True, False]


def held_validation(zone: MemoryZone) -> HeldValidation:
    return HeldValidation(
        zone,
        zone="zone-2",
        metrics=MdmsMetrics(tenant="acme", zone="zone-2"),
        least_worn=10,
        blocks_a_step=3,
    )


async def settled(held: HeldValidation, zone: MemoryZone, meter: str, runs: list[HeldRun]) -> bool:
    """A turn that ends with `runs` for a day of the meter."""
    state = await held.state()
    turn = Turn(zone.findings, held.holders)
    name = BlockName(meter, REGISTER, DAY, 3_600)
    turn.before[name] = [] if runs else [SPIKE]
    turn.after[name] = runs
    return await held.settle(turn, state, [], newest_s=0, looked=[], sweep_ends_s=0)


@pytest.mark.parametrize("seed", range(5))
def test_nobody_is_missing_while_holders_are_read_anew(seed: int) -> None:
    zone = MemoryZone()
    chance = random.Random(seed)
    meters = names("m", 40)

    async def carried_out() -> None:
        held = held_validation(zone)
        for _ in range(400):
            meter = chance.choice(meters)
            assert await settled(held, zone, meter, chance.choice([[], [SPIKE]]))
            assert all(read_name(text).meter_id in held.holders for text in zone.held)

    asyncio.run(carried_out())


def test_who_lost_its_findings_is_forgotten() -> None:
    zone = MemoryZone()

    async def carried_out() -> HeldValidation:
        held = held_validation(zone)
        for meter in names("m", 40):
            await settled(held, zone, meter, [SPIKE])
            await settled(held, zone, meter, [])
        return held

    held = asyncio.run(carried_out())

    assert not zone.held
    assert sum(meter in held.holders for meter in names("m", 40)) <= 20


def test_another_worker_s_findings_are_known_after_a_turn_that_was_in_vain() -> None:
    zone = MemoryZone()

    async def carried_out() -> None:
        held, other = held_validation(zone), held_validation(zone)
        for meter in names("m", 12):
            await settled(held, zone, meter, [SPIKE])
        await settled(other, zone, "theirs", [SPIKE])
        assert not await settled(held, zone, "mine", [SPIKE])
        assert await settled(held, zone, "mine", [SPIKE])
        assert "theirs" in held.holders

    asyncio.run(carried_out())
