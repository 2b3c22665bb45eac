"""An answer means durable: Valkey killed with SIGKILL right after one has all it acknowledged."""

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from deploy.servers.valkey import ValkeyServer
from storage.hot.acl import provision_link, provision_tenant
from storage.hot.connection import HotConnection, connect
from storage.hot.durability import NotDurable, verify_durable
from storage.hot.library import install
from storage.hot.store import RedisHotStore
from storage.hot.uplink import Uplink
from storage.model.block import PRESENT
from storage.model.runs import RunBatch
from storage.model.traffic import READING_QUEUES
from storage.model.uplink import UplinkEntry
from storage.ports import StoreUnavailable
from tests.contract.event_readings import Event, events_of
from tests.contract.hot_readings import Run, batch_of

PASSWORD = "p" * 32


@pytest.fixture
def valkey(server_folder: Path, request: pytest.FixtureRequest) -> Iterator[ValkeyServer]:
    name = f"k{abs(hash(request.node.name)) % 10**6}"
    server = ValkeyServer(server_folder / name, server_folder / f"r{name}")
    server.start()
    yield server
    server.stop()


async def _kill_and_restart(server: ValkeyServer) -> None:
    admin = connect(server.url)
    info = await admin.call("INFO", "server")
    assert isinstance(info, bytes)
    (line,) = [line for line in info.split(b"\r\n") if line.startswith(b"process_id:")]
    await admin.aclose()
    os.kill(int(line.partition(b":")[2]), signal.SIGKILL)
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)


async def _open(server: ValkeyServer) -> tuple[HotConnection, RedisHotStore]:
    await install(server.url)
    tenant = connect(await provision_tenant(server.url, "acme", password=PASSWORD))
    return tenant, RedisHotStore(tenant, slug="acme", zone="zone-3a", uplink_limit_bytes=1 << 30)


async def _queued(server: ValkeyServer) -> list[UplinkEntry]:
    link = connect(await provision_link(server.url, password=PASSWORD))
    uplink = Uplink(link)
    pending = [
        one.entry
        for queue in READING_QUEUES
        for one in await uplink.pending("acme", queue, max_bytes=1 << 30, max_entries=100_000)
    ]
    await link.aclose()
    return pending


async def test_a_kill_right_after_an_answer_loses_nothing(valkey: ValkeyServer) -> None:
    tenant, store = await _open(valkey)
    run, correction = Run(values=range(96)), Run(values=[999], slot=3)
    relayed = UplinkEntry("zone-4", 5, b"", batch_of(Run(values=[7], meter_id="R")).encode())
    first = await store.accept(batch_of(run))
    await store.relay([relayed], caller="zone-4")
    second = await store.accept(batch_of(correction))

    await _kill_and_restart(valkey)

    # The same user and pool: neither accounts nor functions are lost.
    slots = (await store.read([run.key]))[run.key]
    assert slots["final"].tolist() == [0, 1, 2, 999, *range(4, 96)]
    assert slots["revision"].tolist() == [0, 0, 0, 1, *[0] * 92]
    queued = await _queued(valkey)
    assert [entry.sequence for entry in queued] == [first.sequence, 5, second.sequence]
    assert await store.relay([relayed], caller="zone-4") == 1
    assert (await store.accept(batch_of(run))).sequence == 0
    assert len(await _queued(valkey)) == 3
    third = await store.accept(batch_of(Run(values=[1], day=20_001)))
    assert third.sequence > second.sequence
    await tenant.aclose()


async def test_a_kill_under_load_keeps_slots_and_uplink_in_step(valkey: ValkeyServer) -> None:
    tenant, store = await _open(valkey)
    acknowledged: set[tuple[str, int]] = set()
    moment = random.Random(7).randrange(50, 150)
    reached = asyncio.Event()

    async def send(meter_id: str) -> None:
        for slot in range(1440):
            run = Run(values=[slot], meter_id=meter_id, slot=slot, interval_s=60)
            try:
                await store.accept(batch_of(run))
            except StoreUnavailable:
                return
            acknowledged.add((meter_id, slot))
            if len(acknowledged) >= moment:
                reached.set()

    senders = [asyncio.create_task(send(f"M-{number}")) for number in range(4)]
    await asyncio.wait_for(reached.wait(), timeout=60)
    await _kill_and_restart(valkey)
    for sender in senders:
        sender.cancel()
    await asyncio.gather(*senders, return_exceptions=True)

    queued: list[tuple[str, int]] = []
    for entry in await _queued(valkey):
        batch = RunBatch.decode(entry.payload)
        queued.append((batch.meters[0], int(batch.run_slot[0])))
    held: set[tuple[str, int]] = set()
    for number in range(4):
        key = Run(values=[], meter_id=f"M-{number}", interval_s=60).key
        for slots in (await store.read([key])).values():
            held |= {(key.meter_id, int(slot)) for slot in np.flatnonzero(slots["flags"] & PRESENT)}
    assert len(acknowledged) >= moment
    assert acknowledged <= held
    assert sorted(queued) == sorted(held)
    await tenant.aclose()


async def test_a_durable_server_is_verified(redis_url: str) -> None:
    assert int((await verify_durable(redis_url)).split(".")[0]) >= 7


@pytest.mark.parametrize(
    ("name", "unsafe", "safe"),
    [
        ("appendfsync", "everysec", "always"),
        ("appendonly", "no", "yes"),
        ("maxmemory-policy", "allkeys-lru", "noeviction"),
    ],
)
async def test_a_server_that_could_lose_readings_is_refused(
    valkey: ValkeyServer, name: str, unsafe: str, safe: str
) -> None:
    admin = connect(valkey.url)
    await admin.call("CONFIG", "SET", name, unsafe)
    await admin.aclose()

    with pytest.raises(NotDurable, match=f"{name} is '{unsafe}', not '{safe}'"):
        await verify_durable(valkey.url)


@pytest.mark.parametrize("taken", ["-@all", "-set", "resetkeys"])
async def test_a_server_that_could_drop_its_functions_writes_at_a_start_is_refused(
    valkey: ValkeyServer, taken: str
) -> None:
    admin = connect(valkey.url)
    await admin.call("ACL", "SETUSER", "default", taken)
    await admin.aclose()

    with pytest.raises(NotDurable, match="user default"):
        await verify_durable(valkey.url)


async def test_a_kill_right_after_an_answer_loses_no_event(valkey: ValkeyServer) -> None:
    tenant, store = await _open(valkey)
    reads = [Event(value=2**60 + at, at=at) for at in range(96)]
    relayed = UplinkEntry("zone-4", 5, b"", events_of(Event(value=7, meter_id="R")).encode())
    first = await store.accept(events_of(*reads))
    await store.relay([relayed], caller="zone-4")
    second = await store.accept(events_of(Event(value=999, at=3)))

    await _kill_and_restart(valkey)

    held = (await store.read_events([reads[0].key]))[reads[0].key]
    assert held["final"].tolist() == [999 if at == 3 else 2**60 + at for at in range(96)]
    assert held["revision"].tolist() == [int(at == 3) for at in range(96)]
    queued = await _queued(valkey)
    assert [entry.sequence for entry in queued] == [first.sequence, second.sequence, 5]
    assert await store.relay([relayed], caller="zone-4") == 1
    assert (await store.accept(events_of(*reads))).sequence == 0
    assert len(await _queued(valkey)) == 3
    await tenant.aclose()
