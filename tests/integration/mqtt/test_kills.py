"""Processes killed while readings come by MQTT: what was answered is there, and there once."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from storage.hot.connection import connect
from storage.hot.uplink import Uplink
from storage.model.payload import decode_payload
from storage.model.uplink import unpack_excluded
from tests.integration.mqtt.broker import Meters
from tests.integration.mqtt.conftest import METERS, REGISTER, Zone
from tests.integration.zones.agent_process import until

pytestmark = pytest.mark.timeout(300)
SLOTS = 40
RESEND_S = 3.0
TRIES = 30


@pytest.fixture(scope="module")
def meters(zone: Zone) -> Iterator[Meters]:
    with Meters(zone.broker, user="acme", client_id="concentrator-2") as meters:
        yield meters


def body(meter: int, slot: int) -> bytes:
    start = f"2026-03-02T{slot // 4:02}:{slot % 4 * 15:02}:00Z"
    run = {"meter_id": METERS[meter], "register": REGISTER, "interval_s": 900, "start": start}
    return json.dumps({"series": [{**run, "values": [meter * 1000 + slot]}]}).encode()


def taken(meters: Meters, name: bytes) -> bool:
    return any(one.status == "200" for one in meters.answers(name))


async def uplinked(redis_url: str) -> int:
    """Readings that are on their way to headquarters, without what an entry excludes."""
    connection = connect(redis_url, max_connections=1)
    try:
        entries = await Uplink(connection).pending("acme", max_bytes=1 << 30, max_entries=1_000_000)
    finally:
        await connection.aclose()
    total = 0
    for one in entries:
        readings = len(decode_payload(one.entry.payload))
        total += readings - int(unpack_excluded(one.entry.excluded, readings).sum())
    return total


async def test_each_answered_reading_is_there_once(
    zone: Zone, meters: Meters, valkey_server: str
) -> None:
    wanted = [(meter, slot) for meter in range(len(METERS)) for slot in range(SLOTS)]
    names = {pair: f"{pair[0]}-{pair[1]}".encode() for pair in wanted}
    struck = ["mdms", "mqtt_intake", "broker", "mqtt_intake", "mdms", "mqtt_intake"]
    every = len(wanted) // len(struck)

    for number, pair in enumerate(wanted):
        meters.send(body(*pair), correlation=names[pair])
        if number % every == every // 2:
            victim = struck[number // every]
            if victim == "broker":
                zone.broker.kill()
                zone.broker.start()
                continue
            for pid in until(lambda victim=victim: zone.pids(victim), f"{victim} works"):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    for _ in range(TRIES):
        # A meter sends again what was not answered; a broker that was killed forgets what it took.
        if not (missing := [pair for pair in wanted if not taken(meters, names[pair])]):
            break
        meters.heard(names[missing[-1]], within_s=RESEND_S)
        for pair in [pair for pair in missing if not taken(meters, names[pair])]:
            meters.send(body(*pair), correlation=names[pair])

    assert [pair for pair in wanted if not taken(meters, names[pair])] == []
    for pair in wanted:
        answers = meters.answers(names[pair])
        counts = [json.loads(one.body) for one in answers if one.status == "200"]
        assert all(one["rejected"] == one["corrected"] == 0 for one in counts)
        assert sum(one["accepted"] for one in counts) <= 1
    for meter, name in enumerate(METERS):
        found = zone.get(
            "/v1/mdms/readings",
            **{"meter_id": name, "from": "2026-03-02T00:00:00Z", "to": "2026-03-02T10:00:00Z"},
        ).json()["series"][0]
        assert found["final"] == [meter * 1000 + slot for slot in range(SLOTS)]
        assert found["revision"] == [0] * SLOTS
    assert await uplinked(valkey_server) == len(wanted)
    until(lambda: zone.pids("mqtt_intake"), "the intake is there")
