"""A run against a real HTTP server on a real socket that misbehaves as told."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from meter_emulator.backlog import Pace
from meter_emulator.plan import Plan, TenantLoad
from meter_emulator.retry import BackOff
from meter_emulator.run import LoadRun
from meter_emulator.sender import Lines

METERS = 5
READINGS = METERS * 96


@dataclass
class Reply:
    """What the server does with one request."""

    status: int = 200
    headers: str = ""
    body: bytes | None = None
    hang_up: bool = False
    raw: bytes | None = None


@dataclass
class Platform:
    """Bodies and Authorization headers that arrived, and how to reply to the n-th request."""

    reply: Callable[[int, bytes], Awaitable[Reply]]
    bodies: list[bytes] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    url: str = ""
    lines: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lines += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                body = await reader.readexactly(int(lines["content-length"]))
                self.keys.add(lines["authorization"])
                self.bodies.append(body)
                reply = await self.reply(len(self.bodies) - 1, body)
                if reply.hang_up:
                    return
                if reply.raw is not None:
                    writer.write(reply.raw)
                    await writer.drain()
                    continue
                text = accepted(body) if reply.body is None else reply.body
                writer.write(
                    f"HTTP/1.1 {reply.status} X\r\n{reply.headers}"
                    f"Content-Length: {len(text)}\r\n\r\n".encode()
                    + text
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


def accepted(body: bytes) -> bytes:
    count = sum(len(series["values"]) for series in json.loads(body)["series"])
    zeros = {"duplicate": 0, "corrected": 0, "rejected": 0, "series": []}
    return json.dumps({"accepted": count, **zeros}).encode()


@asynccontextmanager
async def platform(
    reply: Callable[[int, bytes], Awaitable[Reply]],
) -> AsyncIterator[Platform]:
    one = Platform(reply)
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield one
    finally:
        server.close()


@pytest.fixture
def tenants(tmp_path: Path) -> tuple[TenantLoad, ...]:
    (tmp_path / "key").write_text("gf_one\n")
    return (TenantLoad(tenant="basra", key_file=str(tmp_path / "key"), count=METERS),)


async def load(
    url: str,
    tenants: tuple[TenantLoad, ...],
    *,
    shape: Literal["live", "backfill"] = "live",
    rate: float = 0.0,
    days: int = 1,
    give_up_s: float = 30.0,
    connections: int = 2,
    faults: dict[str, float] | None = None,
    answer_s: float = 30.0,
) -> dict[str, Any]:
    run = LoadRun(
        plan=Plan(
            tenants=tenants,
            first_day=date(2026, 1, 1),
            days=days,
            shape=shape,
            faults=faults or {},
        ),
        url=url,
        pace=Pace(rate=rate, give_up_s=give_up_s, back_off=BackOff(first_s=0.001)),
        lines=Lines(connections=connections, reconnect_s=0.01, answer_s=answer_s),
    )
    await run.run()
    return run.result()


async def good(_: int, body: bytes) -> Reply:
    return Reply()


@pytest.mark.parametrize("shape", ["live", "backfill"])
async def test_every_reading_of_two_days_is_sent_once_and_acknowledged(
    tenants: tuple[TenantLoad, ...], shape: Literal["live", "backfill"]
) -> None:
    async with platform(good) as server:
        result = await load(server.url, tenants, shape=shape, days=2)

    assert result["sent"] == result["acknowledged"] == result["planned"] == 2 * READINGS
    assert result["refused"] == {}
    assert result["unanswered"] == result["retries"] == 0
    assert result["requests"] == len(server.bodies)
    assert set(Counter(server.bodies).values()) == {1}
    assert server.lines <= 2
    assert server.keys == {"Bearer gf_one"}
    assert result["delay_ms"]["p50"] > 0


async def test_tenants_are_sent_side_by_side_under_their_own_keys(
    tenants: tuple[TenantLoad, ...], tmp_path: Path
) -> None:
    (tmp_path / "two").write_text("gf_two")
    both = (*tenants, TenantLoad(tenant="mosul", key_file=str(tmp_path / "two"), count=2))
    async with platform(good) as server:
        result = await load(server.url, both, connections=1)

    assert server.keys == {"Bearer gf_one", "Bearer gf_two"}
    assert result["tenants"]["mosul"]["acknowledged"] == 2 * 96
    assert result["acknowledged"] == 7 * 96
    assert b"M000001" in server.bodies[1]


async def test_a_body_answered_503_is_sent_again_until_it_is_taken(
    tenants: tuple[TenantLoad, ...],
) -> None:
    seen: Counter[bytes] = Counter()

    async def third_time_lucky(_: int, body: bytes) -> Reply:
        seen[body] += 1
        return Reply() if seen[body] == 3 else Reply(status=503, headers="Retry-After: 0\r\n")

    async with platform(third_time_lucky) as server:
        result = await load(server.url, tenants)

    assert result["acknowledged"] == READINGS
    assert set(seen.values()) == {3}
    assert result["retries"] == 2 * 96


@pytest.mark.parametrize("status", [400, 403, 413, 500])
async def test_a_body_refused_for_good_is_sent_once(
    tenants: tuple[TenantLoad, ...], status: int
) -> None:
    async def refuse_one(number: int, _: bytes) -> Reply:
        problem = b'{"type":"urn:gridfaas:problem:no-thanks"}'
        return Reply(status=status, body=problem) if number == 7 else Reply()

    async with platform(refuse_one) as server:
        result = await load(server.url, tenants, connections=1)

    assert len(server.bodies) == 96
    assert result["refused"] == {"no-thanks": METERS}
    assert result["acknowledged"] == READINGS - METERS


async def test_rejected_readings_are_not_sent_again(tenants: tuple[TenantLoad, ...]) -> None:
    async def without_the_first_meter(_: int, body: bytes) -> Reply:
        outcomes = [
            {"from": 0, "count": 1, "outcome": "rejected", "reason": "unknown-meter"},
            {"from": 1, "count": METERS - 1, "outcome": "accepted"},
        ]
        counts = {"accepted": METERS - 1, "rejected": 1}
        answer = {**counts, "duplicate": 0, "corrected": 0, "series": [{"outcomes": outcomes}]}
        return Reply(body=json.dumps(answer).encode())

    async with platform(without_the_first_meter) as server:
        result = await load(server.url, tenants)

    assert len(server.bodies) == 96
    assert result["refused"] == {"unknown-meter": 96}
    assert result["acknowledged"] == READINGS - 96


async def test_a_line_that_breaks_loses_nothing(tenants: tuple[TenantLoad, ...]) -> None:
    async def break_now_and_then(number: int, _: bytes) -> Reply:
        return Reply(hang_up=number % 10 == 0)

    async with platform(break_now_and_then) as server:
        result = await load(server.url, tenants)

    assert result["acknowledged"] == READINGS
    assert result["unanswered"] == 0
    assert result["retries"] == len(server.bodies) - 96 > 0


async def test_a_server_that_closes_after_each_answer_is_reconnected_to(
    tenants: tuple[TenantLoad, ...],
) -> None:
    async def close(_: int, body: bytes) -> Reply:
        return Reply(headers="Connection: close\r\n")

    async with platform(close) as server:
        result = await load(server.url, tenants)

    assert result["acknowledged"] == READINGS
    assert len(server.bodies) == 96
    assert 96 <= server.lines <= 98


async def test_nobody_there_ends_with_everything_unsent(tenants: tuple[TenantLoad, ...]) -> None:
    async with platform(good) as server:
        url = server.url
    result = await load(url, tenants, give_up_s=0.2)

    assert (result["planned"], result["sent"], result["acknowledged"]) == (READINGS, 0, 0)
    assert result["delay_ms"] is None


async def test_a_body_never_answered_is_reported(tenants: tuple[TenantLoad, ...]) -> None:
    async def deaf_to_the_first(number: int, body: bytes) -> Reply:
        return Reply(status=503) if b"T00:00:00Z" in body else Reply()

    async with platform(deaf_to_the_first) as server:
        result = await load(server.url, tenants, give_up_s=2.0)

    assert result["sent"] == READINGS
    assert result["unanswered"] == METERS
    assert result["acknowledged"] == READINGS - METERS


async def test_a_stalled_server_delays_all_that_was_due_meanwhile(
    tenants: tuple[TenantLoad, ...],
) -> None:
    async def stall_first(number: int, _: bytes) -> Reply:
        if number == 0:
            await asyncio.sleep(0.6)
        return Reply()

    async with platform(stall_first) as server:
        # 96 bodies are due within 96 ms, on one line that gets no answer for 600 ms.
        result = await load(server.url, tenants, rate=METERS * 1000.0, connections=1)

    assert result["acknowledged"] == READINGS
    assert result["delay_ms"]["p50"] >= 500
    assert result["delay_ms"]["max"] >= 590


async def test_homes_with_panels_send_both_registers(tenants: tuple[TenantLoad, ...]) -> None:
    sunny = (msgspec.structs.replace(tenants[0], pv_share=1.0),)
    async with platform(good) as server:
        result = await load(server.url, sunny)

    assert result["acknowledged"] == result["planned"] == 2 * READINGS
    registers = Counter(
        series["register"] for body in server.bodies for series in json.loads(body)["series"]
    )
    assert registers == {"1-0:1.8.0": 96, "1-0:2.8.0": 96}


async def test_the_papers_load_is_20_000_readings(tenants: tuple[TenantLoad, ...]) -> None:
    paper = (msgspec.structs.replace(tenants[0], preset="paper"),)
    async with platform(good) as server:
        result = await load(server.url, paper, days=10)

    assert result["acknowledged"] == result["planned"] == 20_000
    first = json.loads(server.bodies[0])["series"][0]
    assert (first["interval_s"], len(first["values"])) == (43_200, 100)


@pytest.mark.parametrize("shape", ["live", "backfill"])
async def test_lost_readings_are_not_planned_and_copies_count_once(
    tenants: tuple[TenantLoad, ...], shape: Literal["live", "backfill"]
) -> None:
    async with platform(good) as server:
        result = await load(
            server.url, tenants, shape=shape, faults={"gap": 0.02, "duplicate": 0.05, "late": 0.1}
        )

    faults = result["faults"]
    assert min(faults["gap"], faults["duplicate"], faults["late"]) > 0
    assert result["planned"] == READINGS - faults["gap"]
    assert result["sent"] == result["acknowledged"] == result["planned"]
    delivered = sum(
        len(series["values"]) for body in server.bodies for series in json.loads(body)["series"]
    )
    assert delivered == result["planned"] + faults["duplicate"]


OK = b'{"accepted":5,"duplicate":0,"corrected":0,"rejected":0,"series":[]}'
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(OK), OK)
CHUNKS = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (9, OK[:9], len(OK) - 9, OK[9:])


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS, id="in_chunks"
        ),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" + WHOLE, id="after_an_early_hint"),
    ],
)
async def test_every_way_to_frame_an_answer_is_understood(
    tenants: tuple[TenantLoad, ...], raw: bytes
) -> None:
    async def framed(_: int, body: bytes) -> Reply:
        return Reply(raw=raw)

    async with platform(framed) as server:
        result = await load(server.url, tenants)

    assert result["acknowledged"] == READINGS
    assert result["retries"] == 0
    assert server.lines <= 2


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"what?\r\n\r\n", id="not_http"),
        pytest.param(WHOLE + WHOLE, id="one_answer_too_many"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", id="impossible_length"),
    ],
)
async def test_a_line_that_talks_nonsense_is_dropped_and_the_body_sent_on_another(
    tenants: tuple[TenantLoad, ...], raw: bytes
) -> None:
    async def nonsense_once(number: int, _: bytes) -> Reply:
        return Reply(raw=raw) if number == 5 else Reply()

    async with platform(nonsense_once) as server:
        result = await load(server.url, tenants)

    assert result["acknowledged"] == READINGS
    assert result["retries"] == 1
    assert len(server.bodies) == 97
    assert server.lines <= 3


async def test_a_server_that_never_answers_is_timed_out(tenants: tuple[TenantLoad, ...]) -> None:
    async def silent_once(number: int, _: bytes) -> Reply:
        return Reply(raw=b"") if number == 5 else Reply()

    async with platform(silent_once) as server:
        result = await load(server.url, tenants, answer_s=1.0)

    assert result["acknowledged"] == READINGS
    assert result["retries"] >= 1
