"""Sums by class of slot are those of what a read gives, whatever is in blocks and in the tail."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from storage.cold.class_sums import ClassSums, PostgresClassSums
from storage.cold.codec import BlockCodec, BlockDamaged
from storage.cold.final_planes import open_final_planes
from storage.cold.pool import Pool, open_pool
from storage.cold.record import PostgresRecordStore
from storage.cold.registry import PostgresMeterRegistry
from storage.model.block import PRESENT, BlockKey, RecordBlock
from storage.model.meter import Meter
from storage.model.quality import Quality
from storage.model.runs import DAY_S
from tests.contract.hot_readings import DAY, REGISTER, Run
from tests.contract.record_versions import a_day_of_traffic, entry, expected
from tests.integration.storage.cold.tenant import provisioned
from tests.unit.storage.cold.first_format import first_format

METERS = [f"M-{number}" for number in range(7)]
DAYS = range(DAY - 1, DAY + 3)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(await provisioned(database_url)) as opened:
        yield opened


def of_slot(interval_s: int) -> NDArray[np.int8]:
    """Class 0, 1 or none, in turns that differ by day."""
    return of_slots(interval_s, DAYS)


def of_slots(interval_s: int, days: range) -> NDArray[np.int8]:
    slots = DAY_S // interval_s
    grid = np.array(days)[:, None] - DAYS.start + np.arange(slots)
    return (grid % 3 - 1).astype(np.int8)


def by_hand(blocks: dict[BlockKey, NDArray[np.void]]) -> tuple[list[list[int]], list[list[int]]]:
    total = [[0, 0] for _ in METERS]
    present = [[0, 0] for _ in METERS]
    for key, slots in blocks.items():
        if key.register != REGISTER or key.day not in DAYS:
            continue
        at = METERS.index(key.meter_id)
        for kind, cell in zip(of_slot(key.interval_s)[key.day - DAYS.start], slots, strict=True):
            if kind >= 0 and cell["flags"] & PRESENT:
                total[at][kind] += int(cell["final"])
                present[at][kind] += 1
    return total, present


async def summed(pool: Pool) -> ClassSums:
    return await PostgresClassSums(pool).class_sums(
        METERS, register=REGISTER, days=DAYS, classes=of_slot, count=2
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("folded", ["nothing", "half", "all"])
async def test_the_sums_are_those_of_the_readings(pool: Pool, seed: int, folded: str) -> None:
    store = PostgresRecordStore(pool)
    entries = a_day_of_traffic(seed, entries=90)
    await store.append(entries[:45])
    while folded != "nothing" and (await store.fold(max_entries=10)).moved:
        pass
    await store.append(entries[45:])
    while folded == "all" and (await store.fold(max_entries=10)).moved:
        pass

    found = await summed(pool)

    total, present = by_hand(expected(entries))
    assert found.total.tolist() == total
    assert sum(found.present.values()).tolist() == present
    assert set(found.present) == {900, 1800}


async def test_values_of_every_size_and_sign_add_up(pool: Pool) -> None:
    lowest, highest = -(1 << 31), (1 << 31) - 1
    entries = [
        entry(Run(values=[lowest] * 96), Run(values=[highest] * 96, meter_id="M-0"), sequence=1),
        entry(
            Run(values=[lowest, highest, -1, 0, 255, 256, -256], meter_id="M-2", slot=3),
            Run(values=[70_000] * 5, meter_id="M-3", quality=Quality.ESTIMATED),
            sequence=2,
        ),
    ]
    store = PostgresRecordStore(pool)
    await store.append(entries)
    await store.fold(max_entries=10)

    found = await summed(pool)

    total, present = by_hand(expected(entries))
    assert found.total.tolist() == total
    assert sum(found.present.values()).tolist() == present


@pytest.mark.parametrize("registered", [0, 5, 40], ids=["unknown", "most", "few of many"])
@pytest.mark.parametrize("years", [0, 11])
async def test_however_many_there_are_and_however_long_it_is(
    pool: Pool, registered: int, years: int
) -> None:
    many = [
        Meter(meter_id=f"N-{number}", registers=(REGISTER,), interval_s=900)
        for number in range(registered)
    ]
    await PostgresMeterRegistry(pool).register(many, now=datetime.now(UTC))
    store = PostgresRecordStore(pool)
    entries = a_day_of_traffic(5, entries=90)
    await store.append(entries)
    while (await store.fold(max_entries=10)).moved:
        pass
    days = range(DAYS.start - years * 365, DAYS.stop)

    found = await PostgresClassSums(pool).class_sums(
        METERS, register=REGISTER, days=days, classes=lambda one: of_slots(one, days), count=2
    )

    total, present = by_hand(expected(entries))
    assert found.total.tolist() == total
    assert sum(found.present.values()).tolist() == present


@pytest.mark.parametrize("registered", [2_500, 8_300], ids=["days together", "day by day"])
async def test_days_that_come_in_several_rows(pool: Pool, registered: int) -> None:
    names = [f"N-{number}" for number in range(registered)]
    many = [Meter(meter_id=name, registers=(REGISTER,), interval_s=900) for name in names]
    await PostgresMeterRegistry(pool).register(many, now=datetime.now(UTC))
    store = PostgresRecordStore(pool)
    entries = a_day_of_traffic(5, entries=90)
    await store.append(entries)
    while (await store.fold(max_entries=10)).moved:
        pass

    found = await PostgresClassSums(pool).class_sums(
        [*METERS, *names], register=REGISTER, days=DAYS, classes=of_slot, count=2
    )

    total, present = by_hand(expected(entries))
    assert found.total[: len(METERS)].tolist() == total
    assert sum(found.present.values())[: len(METERS)].tolist() == present
    assert not found.total[len(METERS) :].any()


async def test_others_readings_are_not_counted(pool: Pool) -> None:
    entries = [
        entry(Run(values=[3] * 96, meter_id=name), sequence=at)
        for at, name in enumerate(["A-first", "M-0", "M-3", "Z-last"], start=1)
    ]
    store = PostgresRecordStore(pool)
    await store.append(entries)
    await store.fold(max_entries=10)

    found = await summed(pool)

    kinds = of_slot(900)[DAY - DAYS.start]
    expected_sums = [3 * int((kinds == kind).sum()) for kind in (0, 1)]
    assert found.total.sum(axis=1).tolist() == [
        sum(expected_sums) if name in ("M-0", "M-3") else 0 for name in METERS
    ]


async def test_blocks_of_the_first_format_count_too(pool: Pool) -> None:
    store = PostgresRecordStore(pool)
    entries = a_day_of_traffic(6, entries=90)
    await store.append(entries)
    while (await store.fold(max_entries=10)).moved:
        pass
    async with pool.acquire() as connection:
        rows = await connection.fetch("SELECT * FROM blocks ORDER BY meter_id, day, interval_s")
        for row in rows[::2]:
            slots = DAY_S // row["interval_s"]
            [old] = first_format(BlockCodec(slots).decode([row["body"]]), slots)
            await connection.execute(
                "UPDATE blocks SET body = $5 WHERE meter_id = $1 AND register = $2 AND day = $3"
                " AND interval_s = $4",
                *(row[name] for name in ("meter_id", "register", "day", "interval_s")),
                old,
            )

    found = await summed(pool)

    total, present = by_hand(expected(entries))
    assert len(rows) > 10
    assert found.total.tolist() == total
    assert sum(found.present.values()).tolist() == present


async def test_nobody_and_nothing(pool: Pool) -> None:
    found = await summed(pool)
    nobody = await PostgresClassSums(pool).class_sums(
        [], register=REGISTER, days=DAYS, classes=of_slot, count=2
    )

    assert not found.total.any()
    assert nobody.total.shape == (0, 2)


@pytest.mark.parametrize("place", [0, 1, 5, 25, 40, -5, -1])
async def test_a_changed_byte_of_the_first_format_is_found(pool: Pool, place: int) -> None:
    [body] = first_format(await one_block(pool), 96)
    changed = bytearray(body)
    changed[place] ^= 4

    with pytest.raises(BlockDamaged):
        list(open_final_planes([bytes(changed)], slots=96))
    with pytest.raises(BlockDamaged):
        BlockCodec(96).decode([bytes(changed)])


@pytest.mark.parametrize("place", [0, 1, 5, 25, 40])
async def test_sums_refuse_a_block_of_which_a_byte_has_changed(pool: Pool, place: int) -> None:
    [body] = BlockCodec(96).encode(await one_block(pool))
    changed = bytearray(body)
    changed[place] ^= 4
    async with pool.acquire() as connection:
        await connection.execute("UPDATE blocks SET body = $1", bytes(changed))

    with pytest.raises(BlockDamaged):
        await summed(pool)


async def one_block(pool: Pool) -> RecordBlock:
    store = PostgresRecordStore(pool)
    await store.append([entry(Run(values=list(range(96))), sequence=1)])
    await store.fold(max_entries=10)
    async with pool.acquire() as connection:
        return BlockCodec(96).decode([await connection.fetchval("SELECT body FROM blocks")])
