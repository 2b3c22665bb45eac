"""Real connections through a link: everything arrives, once, in order, and is counted."""

import asyncio
import contextlib
import hashlib
import random
import socket
from collections.abc import Callable

import pytest

from tests.integration.zones.links.conftest import BACKUP, FAST, Open, Upstream
from tests.unit.zones.links.line_plans import medium
from zones.links.connection import reset
from zones.links.medium import DIRECTIONS
from zones.links.relay import Relay

WITHIN_S = 30.0


def payload(size: int, *, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


async def exchange(relay: Relay, data: bytes) -> bytes:
    """Send everything, end, and return what came back until the other end."""
    async with asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        answer = asyncio.ensure_future(reader.read())
        writer.write(data)
        await writer.drain()
        writer.write_eof()
        back = await answer
        writer.close()
        await writer.wait_closed()
    return back


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not true():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


def carried(relay: Relay, path: str) -> list[int]:
    return [relay.link.lanes[path][direction].carried.bytes for direction in DIRECTIONS]


@pytest.mark.parametrize("size", [0, 1, 1_448, 3_000_000])
async def test_all_bytes_arrive_in_order_and_are_counted_both_ways(
    open_link: Open, upstream: Upstream, size: int
) -> None:
    relay = await open_link()
    data = payload(size)

    assert await exchange(relay, data) == data
    assert upstream.digests == [hashlib.sha256(data).hexdigest()]
    assert carried(relay, "fibre") == [size, size]
    assert carried(relay, "radio") == [0, 0]
    await until(lambda: relay.open_connections == 0)
    assert (relay.broken, relay.refused, relay.link.connections) == (0, 0, 1)
    assert relay.link.held_bytes == {"up": 0, "down": 0}


async def test_connections_at_the_same_time_do_not_mix(open_link: Open, upstream: Upstream) -> None:
    rough = medium("rough", delay_ms=3.0, jitter_ms=3.0, rate_mbps=200.0, loss=0.001)
    relay = await open_link(rough)
    bodies = [payload(100_000 + n, seed=n) for n in range(20)]

    assert await asyncio.gather(*(exchange(relay, body) for body in bodies)) == bodies
    total = sum(map(len, bodies))
    assert carried(relay, "rough") == [total, total]
    assert upstream.received == total
    assert sorted(upstream.digests) == sorted(hashlib.sha256(b).hexdigest() for b in bodies)


async def test_a_cut_in_the_middle_loses_nothing_that_was_sent(
    open_link: Open, upstream: Upstream
) -> None:
    slow = medium("fibre", delay_ms=5.0, rate_mbps=40.0)
    relay = await open_link(slow, BACKUP)
    data = payload(2_000_000)
    sending = asyncio.ensure_future(exchange(relay, data))
    await until(lambda: upstream.received > 300_000)
    relay.fail("fibre")

    assert await sending == data
    choice = relay.link.choice
    assert (choice.active, choice.changes) == ("radio", {"fibre": 0, "radio": 1})
    for direction in DIRECTIONS:
        fibre, radio = (relay.link.lanes[path][direction].carried for path in ("fibre", "radio"))
        # Each byte was delivered over one of the two.
        assert fibre.bytes - fibre.lost_bytes + radio.bytes == len(data)
        assert radio.bytes > 0
        assert radio.lost_bytes == 0
    assert relay.broken == 0


async def test_without_a_path_nothing_moves_and_then_everything(
    open_link: Open, upstream: Upstream
) -> None:
    relay = await open_link(FAST)
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(b"before")
    assert await reader.readexactly(6) == b"before"
    relay.fail("fibre")
    writer.write(b"during")
    late = asyncio.ensure_future(exchange(relay, b"a new one"))
    await until(lambda: relay.link.held_bytes["up"] == len(b"during"))
    assert (upstream.received, upstream.connections) == (6, 1)
    relay.restore("fibre")

    assert await asyncio.wait_for(reader.readexactly(6), WITHIN_S) == b"during"
    assert await late == b"a new one"
    writer.close()


async def test_a_receiver_that_does_not_read_holds_the_sender_up(open_link: Open) -> None:
    window = 100_000
    relay = await open_link(FAST, window=window)
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", relay.port))
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 100_000_000:
                await asyncio.wait_for(loop.sock_sendall(client, bytes(65_536)), 1)
                sent += 65_536
        assert sent < 100_000_000
        # What neither end's kernel takes stays with the sender, not with us.
        for direction in DIRECTIONS:
            assert relay.link.held_bytes[direction] <= window + 65_536
        taken = carried(relay, "fibre")[0]
        assert taken < sent + 65_536
        back = 0
        async with asyncio.timeout(WITHIN_S):
            while back < taken:
                back += len(await loop.sock_recv(client, 65_536))


async def test_an_end_on_one_side_leaves_the_other_open(open_link: Open) -> None:
    heard = asyncio.Event()

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read()
        heard.set()
        writer.write(request[::-1])
        writer.close()

    async with await asyncio.start_server(answer_late, "127.0.0.1", 0) as server:
        relay = await open_link(FAST, target=server.sockets[0].getsockname()[1])

        assert await exchange(relay, b"abc") == b"cba"
        assert heard.is_set()
        await until(lambda: relay.open_connections == 0)
        assert relay.broken == 0


async def test_a_reset_on_one_side_breaks_the_other(open_link: Open, upstream: Upstream) -> None:
    relay = await open_link()
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(b"hello")
    await reader.readexactly(5)
    reset(writer.transport)

    await until(lambda: relay.open_connections == 0)
    assert relay.broken == 1
    await until(lambda: upstream.resets == 1)


async def test_an_order_to_break_reaches_every_connection(open_link: Open) -> None:
    relay = await open_link()
    readers = []
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(b"x")
        await reader.readexactly(1)
        readers.append((reader, writer))

    assert relay.break_all() == 3
    for reader, writer in readers:
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.readexactly(1), WITHIN_S)
        writer.transport.abort()
    assert (relay.open_connections, relay.broken) == (0, 3)


async def test_too_many_connections_are_turned_away(open_link: Open) -> None:
    relay = await open_link(most_connections=2)
    kept = [await asyncio.open_connection("127.0.0.1", relay.port) for _ in range(2)]
    for reader, writer in kept:
        writer.write(b"x")
        await reader.readexactly(1)

    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    assert await asyncio.wait_for(reader.read(), WITHIN_S) == b""
    writer.close()
    assert (relay.refused, relay.open_connections) == (1, 2)
    kept[0][1].close()
    await until(lambda: relay.open_connections == 1)
    assert await exchange(relay, b"room again") == b"room again"
    kept[1][1].close()


async def test_a_parent_that_is_not_there_breaks_the_call(open_link: Open) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        relay = await open_link(FAST, target=unused.getsockname()[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)

        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.readexactly(1), WITHIN_S)
        writer.transport.abort()
    assert (relay.broken, relay.open_connections) == (1, 0)


async def test_who_waits_too_long_for_a_path_is_given_up(
    open_link: Open, upstream: Upstream
) -> None:
    relay = await open_link(FAST, give_up_s=0.2)
    idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", relay.port)
    idle_writer.write(b"x")
    await idle_reader.readexactly(1)
    busy_reader, busy_writer = await asyncio.open_connection("127.0.0.1", relay.port)
    busy_writer.write(b"y")
    await busy_reader.readexactly(1)
    relay.fail("fibre")
    busy_writer.write(b"into the void")

    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(busy_reader.readexactly(1), WITHIN_S)
    relay.restore("fibre")
    # Who had nothing to say in the meantime goes on.
    idle_writer.write(b"still here")
    assert await asyncio.wait_for(idle_reader.readexactly(10), WITHIN_S) == b"still here"
    assert relay.broken == 1
    for writer in (idle_writer, busy_writer):
        writer.transport.abort()
    assert upstream.received == 12
