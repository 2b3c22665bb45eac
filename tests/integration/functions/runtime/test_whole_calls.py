"""Calls that come in one read: offered whole, answered by a callback, and by ASGI if refused."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from functions.runtime.counted import CountedApp
from functions.runtime.whole_call import Reply, WholeCall
from tests.integration.functions.runtime.connected_worker import (
    WAIT_S,
    Application,
    Peer,
    Receive,
    Send,
    Worker,
    running_worker,
)


class ShortWay(Application):
    """Takes calls to /short and /held whole; /held is answered when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Callable[[], None]] = []
        self.taken: list[WholeCall] = []
        self.refusing = False

    def take_whole(self, call: WholeCall, reply: Reply) -> bool:
        if call.path == "/broken":
            raise ValueError("a bug of the short way")
        if self.refusing or call.path not in ("/short", "/held"):
            return False
        self.taken.append(call)

        def answer() -> None:
            reply(200, [(b"content-length", b"%d" % len(call.body))], call.body)

        if call.path == "/held":
            self.held.append(answer)
            self.waiting.set()
        else:
            answer()
        return True

    async def short(self, receive: Receive, send: Send) -> None:
        await self.echo(receive, send)

    async def broken(self, receive: Receive, send: Send) -> None:
        await self.echo(receive, send)


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    async with running_worker(ShortWay()) as running:
        yield running


@pytest.fixture
async def peer(worker: Worker) -> AsyncIterator[Peer]:
    async with worker.peer() as one:
        yield one


async def test_a_call_in_one_read_is_offered_and_answered(worker: Worker, peer: Peer) -> None:
    for body in (b"one", b"", b"x" * 60_000):
        assert (await peer.call("/short", body)).body == body

    assert [call.body for call in worker.app.taken][:2] == [b"one", b""]
    assert worker.app.taken[0][:2] == ("POST", "/short")
    assert worker.app.taken[0].headers == [(b"host", b"w"), (b"content-length", b"3")]
    assert worker.app.scopes == []


async def test_a_call_in_two_reads_goes_by_asgi(worker: Worker, peer: Peer) -> None:
    peer.writer.write(b"POST /short HTTP/1.1\r\nHost: w\r\nContent-Length: 4\r\n\r\nab")
    await asyncio.sleep(0.05)
    peer.writer.write(b"cd")

    assert (await peer.answer()).body == b"abcd"
    assert worker.app.taken == []
    assert (await peer.call("/short", b"again")).body == b"again"


async def test_what_is_not_taken_goes_by_asgi(worker: Worker, peer: Peer) -> None:
    assert (await peer.call("/echo", b"as ever")).body == b"as ever"
    assert [scope["path"] for scope in worker.app.scopes] == ["/echo"]


async def test_a_short_way_that_fails_leaves_the_call_to_asgi() -> None:
    counted = CountedApp(ShortWay(), limit_met=lambda _: None)
    async with running_worker(counted) as worker, worker.peer() as peer:
        assert (await peer.call("/broken", b"as ever")).body == b"as ever"
        assert (counted.active, counted.calls) == (0, 1)


def _as_the_gateway(path: str, number: int, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: w\r\ncontent-length: {len(body)}\r\n"
    return f"{head}x-request-id: r-{number}\r\nx-call-id: c-{number}\r\n\r\n".encode() + body


async def test_calls_that_are_alike_are_told_apart_by_their_ids(worker: Worker, peer: Peer) -> None:
    bodies = [b"one", b"two", b"four", b"six"]
    for number, body in enumerate(bodies):
        peer.writer.write(_as_the_gateway("/short", number, body))
        assert (await peer.answer()).body == body

    ids = [dict(call.headers)[b"x-call-id"] for call in worker.app.taken]
    assert ids == [b"c-0", b"c-1", b"c-2", b"c-3"]
    assert [call.body for call in worker.app.taken] == bodies
    assert [len(call.headers) for call in worker.app.taken] == [4, 4, 4, 4]


async def test_a_known_head_may_come_in_two_reads_or_not_be_taken(
    worker: Worker, peer: Peer
) -> None:
    for number in range(2):
        peer.writer.write(_as_the_gateway("/short", number, b"abcd"))
        assert (await peer.answer()).body == b"abcd"
    whole = _as_the_gateway("/short", 2, b"efgh")
    for cut in (20, len(whole) - 2):
        peer.writer.write(whole[:cut])
        await asyncio.sleep(0.05)
        peer.writer.write(whole[cut:])
        assert (await peer.answer()).body == b"efgh"
    assert len(worker.app.taken) == 2 + 1

    worker.app.refusing = True
    peer.writer.write(_as_the_gateway("/short", 3, b"ijkl"))
    assert (await peer.answer()).body == b"ijkl"
    assert len(worker.app.taken) == 3
    assert dict(worker.app.scopes[-1]["headers"])[b"x-call-id"] == b"c-3"


async def test_a_second_request_before_the_answer_ends_the_line(worker: Worker) -> None:
    async with worker.peer() as peer:
        request = b"POST /held HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n"
        peer.writer.write(request)
        await asyncio.wait_for(worker.app.waiting.wait(), WAIT_S)
        peer.writer.write(request)
        assert await peer.rest() == b""
    worker.app.held.pop()()

    async with worker.peer() as peer:
        assert (await peer.call("/short", b"alive")).body == b"alive"


async def test_an_answer_after_the_gateway_left_is_dropped(worker: Worker) -> None:
    async with worker.peer() as peer:
        peer.writer.write(b"POST /held HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n")
        await asyncio.wait_for(worker.app.waiting.wait(), WAIT_S)
    await asyncio.sleep(0.05)
    worker.app.held.pop()()

    async with worker.peer() as peer:
        assert (await peer.call("/short", b"alive")).body == b"alive"


async def test_draining_waits_for_the_answer(worker: Worker) -> None:
    async with worker.peer() as busy:
        busy.writer.write(b"POST /held HTTP/1.1\r\nHost: w\r\nContent-Length: 2\r\n\r\nok")
        await asyncio.wait_for(worker.app.waiting.wait(), WAIT_S)
        ending = asyncio.create_task(worker.server.shutdown())
        await asyncio.sleep(0.05)
        worker.app.held.pop()()

        assert (await busy.answer()).body == b"ok"
        assert await busy.rest() == b""
        await asyncio.wait_for(ending, WAIT_S)


async def test_a_whole_call_is_counted_and_its_cost_said() -> None:
    app = ShortWay()
    counted = CountedApp(app, limit_met=lambda _: None)
    async with running_worker(counted) as worker, worker.peer() as peer:
        peer.writer.write(b"POST /held HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n")
        await asyncio.wait_for(app.waiting.wait(), WAIT_S)
        assert (counted.active, counted.calls) == (1, 0)
        app.held.pop()()

        said = (await peer.answer()).headers
        assert {b"x-gridfaas-cpu-us", b"x-gridfaas-run-us", b"x-gridfaas-memory-kb"} <= set(said)
        assert (counted.active, counted.calls) == (0, 1)
        assert (await peer.call("/echo", b"by ASGI")).body == b"by ASGI"
        assert (counted.active, counted.calls) == (0, 2)
