"""Whatever is killed, and whenever: nothing acknowledged is lost, nothing is there twice."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process

import asyncpg
import numpy as np
import pytest

from storage.cold.audit import count_readings
from storage.cold.pool import Pool
from storage.cold.record import PostgresRecordStore
from storage.model.uplink import UplinkEntry
from storage.ports import StoreUnavailable
from tests.contract.record_versions import (
    a_day_of_traffic,
    expected,
    expected_events,
    expected_revisions,
    readings,
)
from tests.integration.storage.cold.sender import ENTRIES
from tests.integration.storage.cold.tenant import SCHEMA

KILLS = 8
DEADLINE_S = 60


async def start_sender(url: str, *, seed: int, first: int) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.storage.cold.sender",
        str(seed),
        str(first),
        stdin=PIPE,
        stdout=PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(f"{url}\n".encode())
    await process.stdin.drain()
    return process


async def run_and_kill(process: Process, *, lines: int, then_s: float) -> int | None:
    """The last entry acknowledged before the kill; None when it ended first."""
    assert process.stdout is not None
    acknowledged = 0
    try:
        for _ in range(lines):
            line = await asyncio.wait_for(process.stdout.readline(), DEADLINE_S)
            if not line:
                return None
            acknowledged = int(line.split()[1])
        await asyncio.sleep(then_s)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        rest = (await process.stdout.read()).splitlines(keepends=True)
        await process.wait()
    whole = [line for line in rest if line.endswith(b"\n")]
    return int(whole[-1].split()[1]) if whole else acknowledged


async def assert_holds_exactly(
    store: PostgresRecordStore, pool: Pool, entries: list[UplinkEntry], database_url: str
) -> None:
    want = expected(entries)
    got = await store.read(list(want))
    assert got.keys() == want.keys()
    for key, slots in want.items():
        np.testing.assert_array_equal(got[key], slots, err_msg=str(key))
    events = expected_events(entries)
    found = await store.read_events(list(events))
    assert found.keys() == events.keys()
    for event_key, block in events.items():
        np.testing.assert_array_equal(found[event_key], block, err_msg=str(event_key))
    assert await store.read_revisions(list(want), list(events)) == expected_revisions(entries)
    count = await count_readings(database_url=database_url, schema=SCHEMA)
    identities = {(key, slot) for each in entries for key, slot, _, _ in readings(each)}
    assert (count.found, count.distinct) == (len(identities), len(identities))


async def assert_log_is_complete(pool: Pool, entries: list[UplinkEntry]) -> None:
    """Every version is either current in its slot or in the log."""
    versions = sum(len(readings(each)) for each in entries)
    identities = {(key, slot) for each in entries for key, slot, _, _ in readings(each)}
    logs = ("revisions", "event_revisions")
    logged = [await pool.fetchval(f"SELECT count(*) FROM {log}") for log in logs]
    assert min(logged) > 0
    assert sum(logged) == versions - len(identities)
    assert await pool.fetchval("SELECT count(*) FROM tail") == 0
    assert await pool.fetchval("SELECT count(*) FROM quarantine") == 0


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_process_is_killed_at_any_moment(
    tenant_url: str,
    pool: Pool,
    admin: "asyncpg.Connection[asyncpg.Record]",
    database_url: str,
    seed: int,
) -> None:
    entries = a_day_of_traffic(seed, entries=ENTRIES)
    store = PostgresRecordStore(pool)
    rng = random.Random(seed)
    first = kills = 0
    for _ in range(KILLS):
        before = await sessions(admin)
        process = await start_sender(tenant_url, seed=seed, first=first)
        acknowledged = await run_and_kill(
            process, lines=rng.randrange(1, 9), then_s=rng.random() * 0.02
        )
        if acknowledged is None:
            break
        kills += 1
        first = acknowledged
        positions = await settled_positions(admin, before)
        held = [each for each in entries if each.sequence <= positions.get(each.edge, -1)]
        assert held[:first] == entries[:first]
        await assert_holds_exactly(store, pool, held, database_url)
    process = await start_sender(tenant_url, seed=seed, first=first)
    assert await asyncio.wait_for(process.wait(), DEADLINE_S) == 0

    assert kills >= KILLS // 2
    await assert_holds_exactly(store, pool, entries, database_url)
    await assert_log_is_complete(pool, entries)


async def sessions(connection: "asyncpg.Connection[asyncpg.Record]") -> set[int]:
    rows = await connection.fetch("SELECT pid FROM pg_stat_activity WHERE usename = $1", SCHEMA)
    return {row["pid"] for row in rows}


async def settled_positions(
    admin: "asyncpg.Connection[asyncpg.Record]", before: set[int]
) -> dict[str, int]:
    """The watermarks once the killed process's sessions have ended."""
    for _ in range(int(DEADLINE_S / 0.02)):
        if await sessions(admin) <= before:
            break
        await asyncio.sleep(0.02)
    else:
        pytest.fail("a killed process's session did not end")
    rows = await admin.fetch(f"SELECT edge, sequence FROM {SCHEMA}.uplink_position")
    return {row["edge"]: row["sequence"] for row in rows}


async def test_the_servers_sessions_are_killed_at_any_moment(
    pool: Pool, admin: "asyncpg.Connection[asyncpg.Record]", database_url: str
) -> None:
    entries = a_day_of_traffic(3, entries=ENTRIES)
    store = PostgresRecordStore(pool)
    rng = random.Random(3)
    refused = 0
    done = asyncio.Event()

    async def append() -> None:
        nonlocal refused
        at = 0
        while at < len(entries):
            post = entries[at : at + rng.randrange(1, 6)]
            try:
                await store.append(post)
            except StoreUnavailable:
                refused += 1
            else:
                at += len(post)

    async def fold() -> None:
        nonlocal refused
        while True:
            finished = done.is_set()
            try:
                step = await store.fold(
                    max_entries=rng.randrange(1, 12), max_slots=rng.choice([100, 10**6])
                )
                if not step.moved and finished:
                    return
            except StoreUnavailable:
                refused += 1

    async def kill() -> None:
        while not done.is_set():
            await asyncio.sleep(rng.random() * 0.03)
            if pids := await sessions(admin):
                await admin.execute("SELECT pg_terminate_backend($1)", rng.choice(sorted(pids)))

    async def append_then_stop() -> None:
        await append()
        done.set()

    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        for task in (append_then_stop(), fold(), kill()):
            group.create_task(task)

    assert refused > 0
    await assert_holds_exactly(store, pool, entries, database_url)
    await assert_log_is_complete(pool, entries)
