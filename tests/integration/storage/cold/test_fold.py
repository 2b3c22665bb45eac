"""What the fold does with damage, what the tenant's login may not do, and what the audit sees."""

import asyncpg
import numpy as np
import pytest

from storage.cold import audit
from storage.cold.audit import EVERY_DAY, ReadingCount, RecordLocked, count_readings
from storage.cold.codec import BlockDamaged
from storage.cold.pool import Pool
from storage.cold.record import PostgresRecordStore
from storage.model.block import BlockKey
from storage.model.quality import Quality
from storage.model.uplink import UplinkEntry, decode_entries
from storage.ports import StoreUnavailable
from tests.contract.event_readings import Event
from tests.contract.hot_readings import DAY, REGISTER, Run
from tests.contract.record_versions import entry, event_entry, expected
from tests.integration.storage.cold.tenant import SCHEMA

KEY = BlockKey("M-1", REGISTER, DAY, 900)


@pytest.fixture
def store(pool: Pool) -> PostgresRecordStore:
    return PostgresRecordStore(pool)


DAMAGED = {
    "not a batch": UplinkEntry("zone-3a", 20, b"", b"\x01\x02"),
    "a bitmap too short": UplinkEntry(
        "zone-3a", 21, b"\x01", entry(Run(values=[1] * 20), sequence=1).payload
    ),
    "a name with NUL": entry(Run(values=[1], meter_id="M\0"), sequence=22),
    "a name too long": entry(Run(values=[1], meter_id="M" * 3000), sequence=23),
    "a day that no date has": entry(Run(values=[1], day=10**9), sequence=24),
    "a slot twice": entry(Run(values=[1, 2]), Run(values=[3], slot=1), sequence=25),
}


async def test_damaged_entries_are_set_aside_and_never_block_the_fold(
    store: PostgresRecordStore, pool: Pool
) -> None:
    good = [entry(Run(values=[5, 6]), sequence=1), entry(Run(values=[7]), sequence=30)]
    entries = [good[0], *DAMAGED.values(), good[1]]
    await store.append(entries)

    read_from_tail = await store.read([KEY])
    assert (await store.fold(max_entries=100)).entries == len(entries)

    np.testing.assert_array_equal(read_from_tail[KEY], expected(good)[KEY])
    np.testing.assert_array_equal((await store.read([KEY]))[KEY], expected(good)[KEY])
    rows = await pool.fetch("SELECT sequence, reason, entry FROM quarantine ORDER BY sequence")
    assert [row["sequence"] for row in rows] == [each.sequence for each in DAMAGED.values()]
    assert all(row["reason"] for row in rows)
    assert [decode_entries(row["entry"])[0] for row in rows] == list(DAMAGED.values())


async def test_a_slot_named_twice_is_fine_when_one_of_them_is_excluded(
    store: PostgresRecordStore, pool: Pool
) -> None:
    twice = entry(Run(values=[1, 2]), Run(values=[3], slot=1), sequence=1, excluded=[2])
    await store.append([twice])
    await store.fold(max_entries=1)

    np.testing.assert_array_equal((await store.read([KEY]))[KEY], expected([twice])[KEY])
    assert await pool.fetchval("SELECT count(*) FROM quarantine") == 0


async def test_a_tail_row_of_rubbish_is_set_aside_whole(
    store: PostgresRecordStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await store.append([entry(Run(values=[5]), sequence=1)])
    await store.append([entry(Run(values=[6], slot=1), sequence=2)])
    await admin.execute("UPDATE tail SET body = 'rubbish' WHERE last_sequence = 1")

    assert (await store.read([KEY]))[KEY]["flags"].sum() == 3
    assert (await store.fold(max_entries=10)).entries == 2
    assert await admin.fetchval("SELECT entry FROM quarantine") == b"rubbish"
    assert (await store.read([KEY]))[KEY]["final"].tolist()[:2] == [0, 6]


async def test_a_damaged_block_is_reported_and_the_tail_kept(
    store: PostgresRecordStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await store.append([entry(Run(values=[5]), sequence=1)])
    await store.fold(max_entries=10)
    await admin.execute("UPDATE blocks SET body = set_byte(body, 30, get_byte(body, 30) # 1)")
    await store.append([entry(Run(values=[6], slot=1), sequence=2)])

    with pytest.raises(BlockDamaged):
        await store.fold(max_entries=10)
    with pytest.raises(BlockDamaged):
        await store.read([KEY])
    assert (await store.waiting()).entries == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE revisions SET value = 0",
        "DELETE FROM revisions",
        "UPDATE event_revisions SET value = 0",
        "DELETE FROM event_revisions",
        "DELETE FROM quarantine",
        "UPDATE tail SET body = ''",
        "DELETE FROM fold_turn",
        "DELETE FROM meter_history",
        "TRUNCATE blocks",
    ],
)
async def test_the_tenants_login_cannot_rewrite_its_logs(pool: Pool, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(statement)


async def test_every_replaced_version_is_in_the_log_once(
    store: PostgresRecordStore, pool: Pool
) -> None:
    for sequence, value in ((1, 10), (2, 20), (3, 30)):
        await store.append([entry(Run(values=[value]), sequence=sequence)])
        if sequence > 1:
            await store.fold(max_entries=10)
    await store.append([entry(Run(values=[5], quality=Quality.ESTIMATED), sequence=4)])
    await store.fold(max_entries=10)

    rows = await pool.fetch("SELECT sequence, value, slot FROM revisions ORDER BY sequence")
    assert [tuple(row) for row in rows] == [(1, 10, 0), (2, 20, 0), (4, 5, 0)]


async def test_the_audit_tells_a_correction_from_a_copy(
    store: PostgresRecordStore,
    admin: "asyncpg.Connection[asyncpg.Record]",
    database_url: str,
) -> None:
    async def count() -> ReadingCount:
        return await count_readings(database_url=database_url, schema=SCHEMA)

    assert await count() == ReadingCount(0, 0)
    await store.append([entry(Run(values=[1, 2, 3]), Run(values=[4], meter_id="M-2"), sequence=1)])
    await store.append([entry(Run(values=[5]), sequence=2, edge="zone-3b")])
    assert await count() == ReadingCount(4, 4)
    await store.fold(max_entries=1)
    assert await count() == ReadingCount(4, 4)
    await store.fold(max_entries=1)
    assert await count() == ReadingCount(4, 4)

    # The same stamps again, as if the watermark had failed.
    await admin.execute("UPDATE uplink_position SET sequence = 0")
    await store.append([entry(Run(values=[1, 2, 3]), sequence=1)])
    assert await count() == ReadingCount(7, 4)
    before = await store.read([KEY])
    await store.fold(max_entries=1)
    np.testing.assert_array_equal((await store.read([KEY]))[KEY], before[KEY])
    assert await count() == ReadingCount(4, 4)
    await admin.execute("DELETE FROM blocks WHERE meter_id = 'M-2'")
    assert await count() == ReadingCount(3, 3)


async def test_the_audit_counts_events_beside_slots(
    store: PostgresRecordStore,
    admin: "asyncpg.Connection[asyncpg.Record]",
    database_url: str,
) -> None:
    async def count(days: range = EVERY_DAY) -> ReadingCount:
        return await count_readings(database_url=database_url, schema=SCHEMA, days=days)

    events = [Event(value=1), Event(value=2, interval_s=900), Event(value=3, day=DAY + 1)]
    await store.append([event_entry(*events, sequence=1), entry(Run(values=[4]), sequence=2)])
    await store.append([event_entry(Event(value=5), sequence=3)])
    assert await count() == ReadingCount(4, 4)
    assert await count(range(DAY + 1, DAY + 2)) == ReadingCount(1, 1)
    await store.fold(max_entries=1)
    assert await count() == ReadingCount(4, 4)
    await store.fold(max_entries=1)
    assert await count() == ReadingCount(4, 4)
    assert await count(range(DAY + 1, DAY + 2)) == ReadingCount(1, 1)

    # The same stamps again, as if the watermark had failed: one current, one replaced, one alone.
    await admin.execute("UPDATE uplink_position SET sequence = 0")
    await store.append([event_entry(*events, sequence=1)])
    assert await count() == ReadingCount(7, 4)
    await store.fold(max_entries=1)
    assert await count() == ReadingCount(4, 4)
    await admin.execute("DELETE FROM event_blocks WHERE interval_s = 900")
    assert await count() == ReadingCount(3, 3)


async def test_a_damaged_event_block_is_said_and_keeps_the_tail(
    store: PostgresRecordStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await store.append([event_entry(Event(value=1), sequence=1)])
    await store.fold(max_entries=1)
    await admin.execute("UPDATE event_blocks SET body = set_byte(body, 9, get_byte(body, 9) # 1)")
    await store.append([event_entry(Event(value=2), sequence=2)])

    with pytest.raises(BlockDamaged):
        await store.read_events([Event(value=1).key])
    with pytest.raises(BlockDamaged):
        await store.fold(max_entries=1)
    assert (await store.waiting()).entries == 1


async def test_a_closed_database_is_unavailable_not_a_crash(
    store: PostgresRecordStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await store.append([entry(Run(values=[1]), sequence=1)])
    await admin.execute(f"ALTER ROLE {SCHEMA} NOLOGIN")
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", SCHEMA
    )

    with pytest.raises(StoreUnavailable):
        await store.append([entry(Run(values=[1]), sequence=2)])


async def test_one_row_of_many_wide_blocks_is_folded_in_bounded_steps(
    store: PostgresRecordStore, pool: Pool
) -> None:
    meters, minutes = 30, 1_440
    live = [
        entry(
            *(
                Run(values=[m + 1], meter_id=f"M-{m}", slot=at, interval_s=60)
                for m in range(meters)
            ),
            sequence=at + 1,
        )
        for at in range(3)
    ]
    late = event_entry(*(Event(value=m, meter_id=f"M-{m}") for m in range(5)), sequence=9)
    await store.append([*live, late])
    received_at = await pool.fetchval("SELECT received_at FROM tail")

    steps, left = [], [4]
    while (step := await store.fold(max_entries=100, max_slots=7 * minutes)).moved:
        steps.append(step)
        tail = await store.waiting()
        left.append(tail.entries)
        want = expected([*live, late])
        np.testing.assert_equal(await store.read(list(want)), want)
        if tail.entries:
            assert await pool.fetchval("SELECT received_at FROM tail") == received_at

    assert [step.blocks for step in steps] == [7, 7, 7, 7, 7]
    assert [step.entries for step in steps] == [0, 0, 0, 0, 4]
    assert [step.slots for step in steps[:4]] == [7 * minutes] * 4
    assert left == [4, 4, 4, 4, 4, 0]


async def test_a_step_takes_rows_of_so_many_readings_and_at_least_one(
    store: PostgresRecordStore,
) -> None:
    for at in range(5):
        runs = [Run(values=[m, at], meter_id=f"M-{m}") for m in range(10)]
        await store.append([entry(*runs, sequence=at + 1)])

    steps = [await store.fold(max_entries=100, max_readings=most) for most in (45, 1, 10**6)]

    assert [(step.entries, step.readings) for step in steps] == [(2, 40), (1, 20), (2, 40)]
    assert {step.blocks for step in steps} == {10}
    assert {step.slots for step in steps} == {10 * 96}


async def test_the_audit_finds_each_reading_once_between_two_steps(
    store: PostgresRecordStore, database_url: str
) -> None:
    await store.append([entry(*(Run(values=[m], meter_id=f"M-{m}") for m in range(6)), sequence=1)])
    counts = []
    while (await store.fold(max_entries=1, max_slots=1)).moved:
        counts.append(await count_readings(database_url=database_url, schema=SCHEMA))

    assert counts == [ReadingCount(6, 6)] * 6


async def test_the_audit_does_not_wait_behind_a_tenants_lock(
    store: PostgresRecordStore, pool: Pool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "LOCK_WAIT_S", 1.0)
    await store.append([entry(Run(values=[1]), sequence=1)])
    async with pool.acquire() as tenant, tenant.transaction():
        await tenant.execute("LOCK TABLE blocks IN ACCESS EXCLUSIVE MODE")

        with pytest.raises(RecordLocked, match=SCHEMA):
            await count_readings(database_url=database_url, schema=SCHEMA)
