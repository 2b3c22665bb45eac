"""What happens between the gateway and its workers: reuse, death, lies, overload."""

import asyncio
import contextlib
import itertools
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.gateway.zone import ACME, ZoneUnderTest, function

HEADERS = {"Authorization": f"Bearer {ACME}"}


NAMES = itertools.count()


@pytest.fixture
def own_zone(folder: Path) -> Iterator[ZoneUnderTest]:
    zone = ZoneUnderTest(folder)
    zone.functions = [function("echo", concurrency=2)]
    yield zone
    zone.close()


def started(zone: ZoneUnderTest) -> None:
    zone.start_agent()
    zone.start_gateway()
    zone.wait_until_ready()


@contextlib.asynccontextmanager
async def speaking_worker(
    zone: ZoneUnderTest, answers: list[bytes]
) -> AsyncIterator[list[tuple[int, bytes]]]:
    """A worker that gives these bytes, one for each request; yields what it heard, and where."""
    heard: list[tuple[int, bytes]] = []

    speaking: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        speaking[task] = writer
        try:
            while head := await reader.read(65_536):
                heard.append((id(writer), head))
                answer = answers.pop(0)
                writer.write(answer)
                await writer.drain()
                if not answer:
                    break
        except ConnectionError:
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    name = f"speaking-{next(NAMES)}"
    path = str(zone.folder / f"{name}.sock")
    server = await asyncio.start_unix_server(speak, path)
    zone.instances["acme/broken"] = [{"id": name, "socket": path, "concurrency": 4}]
    zone.tell_agent()
    try:
        yield heard
    finally:
        server.close()
        for writer in speaking.values():
            writer.transport.abort()
        await asyncio.gather(*speaking)
        await server.wait_closed()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            id="length_and_chunks",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
            id="length_doubled",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nno framing", id="body_until_close"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", id="coding"
        ),
        pytest.param(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", id="bare_lf"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", id="another_protocol"),
        pytest.param(
            b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", id="upgrade"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000, id="endless_head"),
        pytest.param(b"", id="closed_without_a_word"),
    ],
)
async def test_a_worker_that_breaks_the_rules_is_not_believed(
    zone: ZoneUnderTest, answer: bytes
) -> None:
    async with speaking_worker(zone, [answer]):
        found = await asyncio.to_thread(zone.call, "POST", "/v1/broken/x", body=b"b")

    assert found.problem() == (502, "upstream-failed")


async def test_a_worker_that_dies_midway_ends_the_clients_connection(
    own_zone: ZoneUnderTest,
) -> None:
    own_zone.instances["acme/echo"] = [own_zone.start_worker()[1]]
    started(own_zone)
    url = f"http://127.0.0.1:{own_zone.port}/v1/echo/die?when=midway"
    async with httpx.AsyncClient(headers=HEADERS) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(url)
    assert own_zone.call("GET", "/healthz", key=None).status == 200


async def test_connections_are_reused(zone: ZoneUnderTest) -> None:
    async with speaking_worker(zone, [OK, OK, OK]) as heard:
        for _ in range(3):
            assert (await asyncio.to_thread(zone.call, "GET", "/v1/broken/x")).body == b"ok"

    assert len(heard) == 3
    assert len({connection for connection, _ in heard}) == 1


@pytest.mark.parametrize(
    ("method", "headers", "status", "sent"),
    [
        pytest.param("GET", {}, 200, 3, id="a_get_is_sent_again"),
        pytest.param("PUT", {}, 200, 3, id="a_put_is_sent_again"),
        pytest.param("POST", {}, 502, 2, id="a_post_is_not"),
        pytest.param("POST", {"Idempotency-Key": "1"}, 200, 3, id="unless_it_says_it_may_be"),
    ],
)
async def test_a_kept_connection_that_closes_after_the_request(
    zone: ZoneUnderTest, method: str, headers: dict[str, str], status: int, sent: int
) -> None:
    async with speaking_worker(zone, [OK, b"", OK]) as heard:
        first = await asyncio.to_thread(zone.call, "GET", "/v1/broken/x")
        second = await asyncio.to_thread(
            zone.call, method, "/v1/broken/x", body=b"b", headers=headers
        )

    assert (first.status, second.status) == (200, status)
    assert len(heard) == sent


async def test_what_a_worker_says_unasked_is_not_the_next_answer(zone: ZoneUnderTest) -> None:
    async with speaking_worker(zone, [OK + OK, b"HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n"]):
        first = await asyncio.to_thread(zone.call, "GET", "/v1/broken/x")
        second = await asyncio.to_thread(zone.call, "GET", "/v1/broken/x")

    assert (first.status, second.status) == (200, 201)


def test_a_killed_worker_is_replaced_without_an_error(own_zone: ZoneUnderTest) -> None:
    process, worker = own_zone.start_worker()
    own_zone.instances["acme/echo"] = [worker]
    started(own_zone)
    first = own_zone.call("POST", "/v1/echo/me", body=b"1").json["pid"]

    _, successor = own_zone.start_worker()
    own_zone.instances["acme/echo"] = [successor]
    own_zone.tell_agent()
    process.send_signal(signal.SIGKILL)
    process.wait(5)

    second = own_zone.call("POST", "/v1/echo/me", body=b"2")
    assert second.status == 200
    assert second.json["pid"] != first


def test_calls_spread_over_the_instances(own_zone: ZoneUnderTest) -> None:
    own_zone.instances["acme/echo"] = [own_zone.start_worker()[1] for _ in range(2)]
    started(own_zone)

    pids = {own_zone.call("GET", "/v1/echo/me").json["pid"] for _ in range(6)}

    assert len(pids) == 2


async def test_more_calls_than_a_worker_takes_wait_and_then_are_refused(
    own_zone: ZoneUnderTest,
) -> None:
    _, worker = own_zone.start_worker()
    own_zone.instances["acme/echo"] = [{**worker, "concurrency": 2}]
    environment = own_zone.environment
    own_zone.environment = lambda: {  # type: ignore[method-assign]
        **environment(),
        "GRIDFAAS_QUEUE_WAIT_S": "20",
    }
    own_zone.functions = [function("echo", queue=3)]
    started(own_zone)
    assert own_zone.call("GET", "/v1/echo/me").status == 200
    limits = httpx.Limits(max_connections=20)
    async with httpx.AsyncClient(limits=limits, timeout=30, headers=HEADERS) as client:
        url = f"http://127.0.0.1:{own_zone.port}/v1/echo/slow?s=1"
        answers = await asyncio.gather(*(client.get(url) for _ in range(9)))

    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] * 5 + [429] * 4
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["type"] == "urn:gridfaas:problem:too-many-requests"
    assert refused.json()["limit"] == "queue"
    assert refused.headers["retry-after"] == "1"
    transport = httpx.AsyncHTTPTransport(uds=str(own_zone.folder / "agent.sock"))
    async with httpx.AsyncClient(transport=transport) as agent:
        assert (await agent.get("http://agent/waited")).json() == {"acme/echo": 3}


async def test_the_first_calls_ask_the_agent_once(own_zone: ZoneUnderTest) -> None:
    own_zone.instances["acme/echo"] = [own_zone.start_worker()[1]]
    started(own_zone)
    async with httpx.AsyncClient(headers=HEADERS) as client:
        url = f"http://127.0.0.1:{own_zone.port}/v1/echo/me"
        answers = await asyncio.gather(*(client.get(url) for _ in range(4)))
    transport = httpx.AsyncHTTPTransport(uds=str(own_zone.folder / "agent.sock"))
    async with httpx.AsyncClient(transport=transport) as agent:
        asked = (await agent.get("http://agent/asked")).json()

    assert {answer.status_code for answer in answers} == {200}
    assert asked == {"acme/echo": 1}
