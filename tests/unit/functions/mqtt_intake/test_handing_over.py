"""Handing a message to the gateway: what is tried again, for how long, and what is never sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import msgspec
import pytest

from functions.mqtt_intake.handing_over import HandingOver
from functions.mqtt_intake.message import Message
from functions.mqtt_intake.settings import IntakeSettings
from functions.runtime.http_line import Place
from functions.runtime.http_lines import HttpLines

MESSAGE = Message(
    number=1,
    qos=1,
    body=b"{}",
    content_type=None,
    coding=None,
    response_topic=None,
    correlation=None,
    expires_s=None,
)


class Gateway:
    """Answers with `statuses`, the last one again and again; None closes the connection."""

    def __init__(self, *statuses: int | None) -> None:
        self.statuses = list(statuses)
        self.heads: list[bytes] = []
        self._open: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.append(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.heads.append(head)
                await reader.readexactly(len(MESSAGE.body))
                status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
                if status is None:
                    break
                body = b'{"detail":"why"}'
                writer.write(
                    b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def close(self) -> None:
        for writer in self._open:
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def handing_to(gateway: Gateway, *, within_s: float = 10.0) -> AsyncIterator[HandingOver]:
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    lines = HttpLines(Place(host="127.0.0.1", port=port, tls=None), max_body=1 << 20)
    settings = IntakeSettings(answer_within_s=within_s, first_retry_s=0.001, longest_retry_s=0.002)
    try:
        yield HandingOver(lines, key="gf_k", settings=settings)
    finally:
        lines.close()
        server.close()
        await gateway.close()


@pytest.mark.parametrize("passing", [None, 429, 502, 503, 504])
async def test_what_fails_for_a_while_is_tried_again(passing: int | None) -> None:
    gateway = Gateway(passing, passing, 200)
    retries: list[None] = []
    async with handing_to(gateway) as handing_over:
        reply = await handing_over.post(MESSAGE, retried=lambda: retries.append(None))

    assert (reply.status, len(gateway.heads), len(retries)) == (200, 3, 2)


@pytest.mark.parametrize("status", [400, 401, 413, 415, 500])
async def test_what_is_for_good_is_not(status: int) -> None:
    gateway = Gateway(status)
    async with handing_to(gateway) as handing_over:
        reply = await handing_over.post(MESSAGE, retried=lambda: None)

    assert (reply.status, len(gateway.heads)) == (status, 1)


async def test_past_the_deadline_the_sender_is_told_to_send_again() -> None:
    async with handing_to(Gateway(503), within_s=0.2) as handing_over:
        reply = await handing_over.post(MESSAGE, retried=lambda: None)

    problem = msgspec.json.decode(reply.body)
    assert (reply.status, problem["type"]) == (504, "urn:gridfaas:problem:deadline-exceeded")
    assert "503 why" in problem["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"content_type": "text/csv\r\nx-api-key: gf_other"},
        {"coding": "gzip\nauthorization: Bearer gf_other"},
        {"content_type": ""},
        {"content_type": "x" * 300},
    ],
)
async def test_properties_become_no_headers_of_their_own(change: dict[str, str]) -> None:
    gateway = Gateway(200)
    async with handing_to(gateway) as handing_over:
        message = replace(MESSAGE, **change)  # type: ignore[arg-type]
        reply = await handing_over.post(message, retried=lambda: None)

    assert (reply.status, gateway.heads) == (415, [])
