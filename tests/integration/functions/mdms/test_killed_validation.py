"""SIGKILL while zone 2 relays and validates: what is found in the end, and what is told of it."""

import asyncio
import random
import sys
from asyncio.subprocess import PIPE

import numpy as np
import pytest

from functions.mdms.vee.gaps import expected
from functions.mdms.vee.held_findings import read_name, read_runs
from functions.mdms.vee.rule import Stretch
from functions.mdms.vee.rule_group import read_rule
from storage.hot.acl import provision_tenant
from storage.hot.connection import connect
from storage.hot.registry import MeterRegistry
from storage.hot.uplink import Uplink
from storage.hot.validation import HotValidation
from storage.model.findings import FindingBatch, is_findings
from storage.model.meter import Meter, RegistryPosition
from tests.integration.functions.mdms.validating_worker import (
    DAY,
    HOUR_S,
    HOURS,
    METERS,
    REGISTER,
    RULES,
    a_days_readings,
)
from tests.integration.functions.zone import PASSWORD, provision_hot

DEADLINE_S = 60
KILLS = 5
Found = dict[tuple[str, int, int, str], int]


async def run(url: str, *, seed: int, first: int, lines: int | None, then_s: float) -> int:
    """Let a worker go on from entry `first`; kill it after so many lines; return its last entry."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.functions.mdms.validating_worker",
        str(seed),
        str(first),
        stdin=PIPE,
        stdout=PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{url}\n".encode())
    await process.stdin.drain()
    last, seen = first, 0
    try:
        while seen != lines:
            line = await asyncio.wait_for(process.stdout.readline(), DEADLINE_S)
            assert line, "the worker ended by itself"
            if line == b"done\n":
                break
            last, seen = int(line.split()[1]), seen + 1
        await asyncio.sleep(then_s)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    return last


def by_hand(seed: int) -> Found:
    """Every rule over all values at once."""
    shape = (len(METERS), HOURS + 24)
    energy, present = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
    readings = a_days_readings(seed)
    for (meter, hour), value in readings.items():
        energy[METERS.index(meter), hour], present[METERS.index(meter), hour] = value, True
    last = max(hour for _, hour in readings) - 2
    stretch = Stretch(
        energy_wh=energy,
        present=present,
        interval_s=HOUR_S,
        active=np.ones(len(METERS), dtype=np.bool_),
        expected=expected(present, within=24, last=last),
    )
    found: Found = {}
    for name, said in RULES.items():
        for suspects in read_rule(name, said).suspects(stretch):
            for row, meter in enumerate(METERS):
                start = (meter, 0, 0, name)
                for hour in np.flatnonzero(suspects.mask[row]).tolist():
                    if hour % 24 == 0 or not suspects.mask[row, hour - 1]:
                        start = meter, DAY + hour // 24, hour % 24, name
                    found[start] = found.get(start, 0) + 1
    return found


@pytest.mark.parametrize("seed", [1, 2])
async def test_nothing_is_missed_or_told_twice(redis_url: str, seed: int) -> None:
    link_url = await provision_hot(redis_url)
    url = await provision_tenant(redis_url, "acme", password=PASSWORD)
    connection = connect(url)
    meters = [
        Meter(meter_id=name, registers=(REGISTER,), interval_s=HOUR_S, version=at)
        for at, name in enumerate(METERS, start=1)
    ]
    position = RegistryPosition(0, len(meters))
    await MeterRegistry(connection, slug="acme").apply(meters, after=0, to=position)
    rng = random.Random(seed)
    first = 0
    for _ in range(KILLS):
        lines, then_s = rng.randrange(5, 22), rng.random() * 0.02
        first = await run(url, seed=seed, first=first, lines=lines, then_s=then_s)
    await run(url, seed=seed, first=first, lines=None, then_s=0)

    queue = HotValidation(connection, slug="acme", zone="zone-2", uplink_limit_bytes=1 << 26)
    held: Found = {}
    async for text, record in queue.all_findings():
        name = read_name(text)
        for one in read_runs(record):
            held[name.meter_id, name.day, one.first, one.rule] = one.count
    link = connect(link_url)
    pending = await Uplink(link).pending("acme", max_bytes=1 << 30, max_entries=10_000)
    told: Found = {}
    for _, entry, _ in pending:
        if is_findings(entry.payload):
            batch = FindingBatch.decode(entry.payload)
            for gone in batch.withdrawn:
                del told[gone.meter_id, gone.day, gone.first_slot, gone.rule]
            for found in batch.found:
                told[found.meter_id, found.day, found.first_slot, found.rule] = found.count
    waits = await queue.backlog()
    for one_connection in (link, connection):
        await one_connection.aclose()

    assert waits == (0, 0)
    assert held == by_hand(seed)
    assert told == held
