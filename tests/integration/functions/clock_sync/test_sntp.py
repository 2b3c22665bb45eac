"""SNTP on a real UDP socket, asked by hand and by Debian's chrony."""

import asyncio
import os
import pwd
import re
import shutil
import socket
import struct
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from functions.clock_sync.machine_clock import SystemClock
from tests.integration.functions.clock_sync.clock_zone import (
    ClockZone,
    SlowLink,
    WrongMachine,
    open_clock_zone,
    true_us,
)
from tests.integration.functions.readings import eventually

CHRONYD = shutil.which("chronyd") or shutil.which("chronyd", path="/usr/sbin:/usr/local/sbin")
SECONDS_1900_TO_1970 = 2_208_988_800
OFF_S = 1_234.5


class Ahead(SystemClock):
    """This machine's clocks, but the wall clock is far ahead."""

    def wall_us(self) -> int:
        return super().wall_us() + int(OFF_S * 1e6)


def question(mark: int) -> bytes:
    return bytes([0b00_100_011]) + bytes(39) + mark.to_bytes(8)


def told_us(stamp: bytes) -> int:
    seconds, fraction = struct.unpack(">II", stamp)
    return (seconds - SECONDS_1900_TO_1970) * 1_000_000 + (fraction * 1_000_000 >> 32)


@pytest.fixture
def asker() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        yield asking


async def asked(asker: socket.socket, port: int, packet: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        await loop.sock_sendto(asker, packet, ("127.0.0.1", port))
        return await loop.sock_recv(asker, 1024)


async def serving(zone: ClockZone, port: int) -> None:
    async def check() -> bool:
        return (await zone.status())["sntp"] == f"127.0.0.1:{port}"

    await eventually(check)


async def test_a_client_is_told_the_zones_time_and_its_standing(
    stack: AsyncExitStack, asker: socket.socket, udp_port: int
) -> None:
    top = await open_clock_zone(stack, name="zone-1", tier=1, machine=WrongMachine())
    edge = await open_clock_zone(
        stack,
        name="zone-2",
        tier=2,
        machine=WrongMachine(off_us=-9_000_000),
        link=SlowLink(top.transport, 0.01, 0.01),
        sntp_port=udp_port,
    )
    await serving(edge, udp_port)

    async def synchronised() -> bool:
        return bool((await edge.status())["synchronised"])

    await eventually(synchronised)
    before_us = true_us()
    packet = await asked(asker, udp_port, question(77))
    after_us = true_us()

    leap_version_mode, stratum = packet[0], packet[1]
    assert (leap_version_mode, stratum) == (0b00_100_100, 2)
    assert int.from_bytes(packet[24:32]) == 77
    root_delay, root_dispersion = (
        value / 65_536 * 1e6 for value in struct.unpack_from(">II", packet, 4)
    )
    assert root_delay >= 20_000
    bound_us = root_delay / 2 + root_dispersion
    assert before_us - bound_us <= told_us(packet[32:40]) <= told_us(packet[40:48])
    assert told_us(packet[40:48]) <= after_us + bound_us


async def test_a_zone_that_does_not_know_the_time_says_so(
    stack: AsyncExitStack, asker: socket.socket, udp_port: int
) -> None:
    top = await open_clock_zone(stack, name="zone-1", tier=1, machine=WrongMachine())
    edge = await open_clock_zone(
        stack,
        name="zone-2",
        tier=2,
        machine=WrongMachine(),
        link=SlowLink(top.transport, cut=True),
        sntp_port=udp_port,
    )
    await serving(edge, udp_port)

    packet = await asked(asker, udp_port, question(1))

    assert (packet[0] >> 6, packet[1], packet[12:16]) == (3, 0, b"INIT")


async def test_rubbish_is_dropped_and_a_flood_is_told_once(
    stack: AsyncExitStack, asker: socket.socket, udp_port: int
) -> None:
    top = await open_clock_zone(
        stack,
        name="zone-1",
        tier=1,
        machine=WrongMachine(),
        sntp_port=udp_port,
        sntp_burst=3,
        # Longer than any test: what was used up stays used up.
        sntp_every_s=3_600,
    )
    await serving(top, udp_port)
    loop = asyncio.get_running_loop()
    for rubbish in (b"", b"hello", bytes([0b00_100_100]) + bytes(47)):
        await loop.sock_sendto(asker, rubbish, ("127.0.0.1", udp_port))

    answers = [await asked(asker, udp_port, question(mark)) for mark in range(1, 5)]
    for mark in range(5, 8):
        await loop.sock_sendto(asker, question(mark), ("127.0.0.1", udp_port))

    assert [int.from_bytes(packet[24:32]) for packet in answers] == [1, 2, 3, 4]
    assert [packet[1] for packet in answers] == [1, 1, 1, 0]
    assert answers[3][12:16] == b"RATE"

    async def counted() -> bool:
        exposed = (await top.client.get("/metrics")).text
        found = dict(re.findall(r'sntp_packets_total\{outcome="(\w+)".*\} (\S+)', exposed))
        return found == {"answered": "3.0", "rate": "1.0", "dropped": "3.0", "malformed": "3.0"}

    await eventually(counted)
    with pytest.raises(BlockingIOError):
        asker.recv(1024)


async def test_a_port_that_is_taken_is_bound_once_it_is_free(
    stack: AsyncExitStack, udp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.clock_sync.sntp_server.BIND_AGAIN_S", 0.02)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", udp_port))
        top = await open_clock_zone(
            stack, name="zone-1", tier=1, machine=WrongMachine(), sntp_port=udp_port
        )
        assert (await top.status())["sntp"] is None
        assert 'gridfaas_clock_sntp_up{zone="zone-1"} 0.0' in (
            (await top.client.get("/metrics")).text
        )

    await serving(top, udp_port)


@pytest.mark.skipif(CHRONYD is None, reason="no chronyd here (Debian: apt install chrony)")
async def test_chrony_believes_the_server(stack: AsyncExitStack, udp_port: int) -> None:
    assert CHRONYD is not None
    top = await open_clock_zone(stack, name="zone-1", tier=1, machine=Ahead(), sntp_port=udp_port)
    await serving(top, udp_port)

    # -Q measures and sets nothing, and needs no privilege.
    client = await asyncio.create_subprocess_exec(
        # Where only its binary is, its own account is missing.
        *(CHRONYD, "-Q", "-t", "30", "-u", pwd.getpwuid(os.geteuid()).pw_name),
        f"server 127.0.0.1 port {udp_port} iburst maxsamples 4",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(client.communicate(), 60)

    found = re.search(rb"System clock wrong by (-?[\d.]+) seconds", said)
    assert found is not None, said.decode()
    # It is off by half of a loopback's round trip at most; a second is far beyond that.
    assert float(found[1]) == pytest.approx(OFF_S, abs=1)
    assert client.returncode == 0
