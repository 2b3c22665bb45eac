"""A worker's HTTP over a real unix socket: framing, streaming, errors, and an orderly end."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from functions.runtime.asgi_exchange import HIGH_WATER_BYTES
from tests.integration.functions.runtime.connected_worker import (
    WAIT_S,
    Application,
    Peer,
    Worker,
    running_worker,
)


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    async with running_worker(Application()) as running:
        yield running


@pytest.fixture
async def peer(worker: Worker) -> AsyncIterator[Peer]:
    async with worker.peer() as one:
        yield one


@pytest.mark.parametrize("size", [0, 1, 70_000, 3 * HIGH_WATER_BYTES])
async def test_a_body_goes_in_and_out_whole_and_the_line_stays(peer: Peer, size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    for _ in range(3):
        assert (await peer.call("/v1/echo", body[:size])).body == body[:size]


async def test_the_application_sees_the_request_as_it_came(worker: Worker, peer: Peer) -> None:
    peer.writer.write(b"POST /a%20b/echo?x=%20&y HTTP/1.1\r\nHost: w\r\nX-Own: Kept\r\n")
    await asyncio.sleep(0.01)
    peer.writer.write(b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    await asyncio.sleep(0.01)
    peer.writer.write(b"2\r\nde\r\n0\r\n\r\n")

    assert (await peer.answer()).body == b"abcde"
    (scope,) = worker.app.scopes
    assert (scope["method"], scope["path"], scope["raw_path"], scope["query_string"]) == (
        "POST",
        "/a b/echo",
        b"/a%20b/echo",
        b"x=%20&y",
    )
    assert (b"x-own", b"Kept") in scope["headers"]


async def test_an_answer_without_a_length_is_chunked(peer: Peer) -> None:
    found = await peer.call("/pieces")

    assert found.headers[b"transfer-encoding"] == b"chunked"
    assert found.body == b"onetwo"


async def test_head_and_no_content_have_no_body(peer: Peer) -> None:
    peer.writer.write(b"HEAD /early HTTP/1.1\r\nHost: w\r\n\r\n")
    head = await asyncio.wait_for(peer.reader.readuntil(b"\r\n\r\n"), WAIT_S)
    assert b"content-length: 6" in head
    peer.writer.write(b"GET /nothing HTTP/1.1\r\nHost: w\r\n\r\n")
    head = await asyncio.wait_for(peer.reader.readuntil(b"\r\n\r\n"), WAIT_S)

    assert head.startswith(b"HTTP/1.1 204 No Content")
    assert b"transfer-encoding" not in head
    assert (await peer.call("/echo", b"next")).body == b"next"


async def test_an_answer_may_come_before_the_end_of_the_body(peer: Peer) -> None:
    assert (await peer.call("/early", bytes(HIGH_WATER_BYTES * 4))).body == b"enough"
    assert (await peer.call("/echo", b"next")).body == b"next"


async def test_a_failing_function_is_answered_and_its_line_closed(peer: Peer) -> None:
    peer.writer.write(b"POST /fails HTTP/1.1\r\nHost: w\r\nContent-Length: 2\r\n\r\n{}")
    found = await peer.rest()

    assert found.startswith(b"HTTP/1.1 500 ")
    assert b"bug" not in found


async def test_an_answer_that_breaks_off_never_looks_whole(peer: Peer) -> None:
    peer.writer.write(b"POST /half HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n")
    found = await peer.rest()

    assert b"content-length: 10\r\n" in found
    assert found.endswith(b"\r\n\r\n12345")


async def test_a_body_shorter_than_announced_is_a_failure(peer: Peer) -> None:
    peer.writer.write(b"POST /short HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n")

    assert (await peer.rest()).startswith(b"HTTP/1.1 500 ")


async def test_the_application_learns_that_the_gateway_left(worker: Worker) -> None:
    async with worker.peer() as peer:
        peer.writer.write(b"POST /waits HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n")
        await asyncio.wait_for(worker.app.waiting.wait(), WAIT_S)

    await asyncio.wait_for(worker.app.disconnected.wait(), WAIT_S)


async def test_a_gateway_that_does_not_read_holds_the_application_back(worker: Worker) -> None:
    async with worker.peer() as peer:
        peer.writer.write(b"GET /floods HTTP/1.1\r\nHost: w\r\n\r\n")
        before = -1
        while worker.app.sent != before:
            before = worker.app.sent
            await asyncio.sleep(0.3)
        assert before < 20
        assert len((await peer.answer()).body) == 64 << 20


@pytest.mark.parametrize(
    "rubbish",
    [
        pytest.param(b"not http at all\r\n\r\n", id="no_http"),
        pytest.param(
            b"GET /slow HTTP/1.1\r\nHost: w\r\n\r\nGET /slow HTTP/1.1\r\nHost: w\r\n\r\n",
            id="a_request_before_the_answer",
        ),
    ],
)
async def test_what_no_gateway_sends_ends_the_line(worker: Worker, rubbish: bytes) -> None:
    async with worker.peer() as peer:
        peer.writer.write(rubbish)
        with contextlib.suppress(ConnectionError):
            assert await peer.rest() == b""
    async with worker.peer() as peer:
        assert (await peer.call("/echo", b"alive")).body == b"alive"


async def test_draining_answers_what_is_under_way_and_closes_idle_lines(worker: Worker) -> None:
    async with worker.peer() as idle, worker.peer() as busy:
        assert (await idle.call("/echo", b"kept")).body == b"kept"
        busy.writer.write(b"GET /slow HTTP/1.1\r\nHost: w\r\n\r\n")
        await asyncio.wait_for(worker.app.waiting.wait(), WAIT_S)
        ending = asyncio.create_task(worker.server.shutdown())

        assert await idle.rest() == b""
        assert (await busy.answer()).body == b"at last"
        assert await busy.rest() == b""
        await asyncio.wait_for(ending, WAIT_S)


async def test_many_lines_at_once(worker: Worker) -> None:
    async def calls(number: int) -> None:
        async with worker.peer() as peer:
            for turn in range(20):
                body = json.dumps([number, turn]).encode()
                assert (await peer.call("/echo", body)).body == body

    await asyncio.gather(*(calls(number) for number in range(30)))
