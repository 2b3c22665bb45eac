"""A call's head as the gateway reads it, and answers as they come over a connection."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from functions.messaging.gateway_calls import request_head
from functions.runtime.http_line import HttpLine, NoAnswer, Place
from storage.hot.queues.record import CallRecord, Origin, Request, Retrying, State


def record(method: str = "POST", *, origin: Origin = Origin.ASYNC, **more: str) -> CallRecord:
    return CallRecord(
        id="c1",
        request=Request(function="bill", method=method, target="/x?y=1", body=b"abc"),
        retrying=Retrying(),
        state=State.RUNNING,
        origin=origin,
        attempts=0,
        dispatches=20_000,
        created_ms=0,
        **more,
    )


def lines_of(one: CallRecord) -> list[str]:
    head = request_head(one, tenant="acme", credential="gf_k", host="h:1")
    return head.decode().split("\r\n")


def test_the_head_of_a_call() -> None:
    assert lines_of(record()) == [
        "POST /function/bill/x?y=1 HTTP/1.1",
        "host: h:1",
        "authorization: Bearer gf_k",
        "gridfaas-tenant: acme",
        "gridfaas-subject: async",
        "gridfaas-call-id: c1",
        "gridfaas-attempt: 9999",
        "gridfaas-origin: async",
        "idempotency-key: c1",
        "content-length: 3",
        "",
        "",
    ]


def test_a_call_that_reads_sends_no_body() -> None:
    assert not any(line.startswith("content-length") for line in lines_of(record("GET")))


def test_a_message_comes_as_a_cloud_event() -> None:
    said = lines_of(record(origin=Origin.TOPIC, topic="events", message="7-0"))

    assert {"ce-specversion: 1.0", "ce-id: 7-0", "ce-type: gridfaas.topic"} <= set(said)
    assert "ce-source: /v1/messaging/topics/events" in said


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[HttpLine]:
    """A line to a server that gives these bytes, one for each request, and then closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tls = ssl.create_default_context()
    line = await Place.of(f"http://127.0.0.1:{port}", tls=tls).open(timeout_s=5)
    try:
        yield line
    finally:
        line.close()
        server.close()


HEAD = b"GET / HTTP/1.1\r\n\r\n"


async def test_a_chunked_answer_is_read_and_cut() -> None:
    chunks = (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
    )
    async with answering(chunks) as line:
        answer = await line.ask(HEAD, b"", max_body=4)

    assert (answer.status, answer.body, answer.truncated) == (200, b"abcd", True)


async def test_the_answer_to_head_has_no_body() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n") as line:
        answer = await line.ask(HEAD, b"", max_body=10, bodiless=True)
        assert (answer.status, answer.body, line.reusable) == (200, b"", False)


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", b"not HTTP\r\n\r\n"]
)
async def test_what_broke_off_may_have_been_carried_out(answer: bytes) -> None:
    async with answering(answer) as line:
        with pytest.raises(NoAnswer) as broken:
            await line.ask(HEAD, b"", max_body=10)
    assert broken.value.sent


async def test_a_kept_connection_that_was_closed_meanwhile_sent_nothing() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as line:
        await line.ask(HEAD, b"", max_body=10)
        with pytest.raises(NoAnswer) as broken:
            await line.ask(HEAD, b"", max_body=10)
    assert not broken.value.sent


async def test_a_gateway_that_is_gone_was_sent_nothing() -> None:
    place = Place.of("http://127.0.0.1:1", tls=ssl.create_default_context())
    with pytest.raises(NoAnswer) as gone:
        await place.open(timeout_s=5)
    assert not gone.value.sent
