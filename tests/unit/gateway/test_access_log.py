"""The access log: a line a call, written together, silent when nobody asked for it."""

import asyncio
import json
import logging
from collections.abc import Iterator

import pytest

from gateway.access_log import WRITE_AT_BYTES, AccessLog
from gateway.invocation import Invocation


@pytest.fixture
def enabled() -> Iterator[logging.Logger]:
    logger = logging.getLogger("gateway.access")
    before = logger.level
    logger.setLevel(logging.INFO)
    yield logger
    logger.setLevel(before)


def ended_call(path: str = "/v1/mdms/readings") -> Invocation:
    call = Invocation(request_id="r-1", method="POST", path=path, zone="zone-3a")
    call.tenant, call.function, call.status = "acme", "mdms", 200
    call.started_at, call.total_s = 1_767_225_600.5, 0.0125
    return call


async def test_lines_are_written_a_moment_later_together(enabled: logging.Logger) -> None:
    written: asyncio.Queue[bytes] = asyncio.Queue()
    log = AccessLog(written.put_nowait)

    log.ended(ended_call())
    log.ended(ended_call(path="/v1/mdms/meters/4711"))
    assert written.empty()
    together = await asyncio.wait_for(written.get(), 10)

    lines = [json.loads(line) for line in together.splitlines()]
    assert len(lines) == 2
    assert lines[0]["call_id"] != lines[1]["call_id"]
    for line in lines:
        assert line["at"].endswith(":00,512")
        assert (line["logger"], line["level"], line["message"]) == (
            "gateway.access",
            "INFO",
            "call",
        )
        assert (line["tenant"], line["function"], line["status"]) == ("acme", "mdms", 200)
        assert (line["request_id"], line["total_ms"]) == ("r-1", 12.5)
    assert b"4711" not in together


async def test_many_calls_do_not_pile_up(enabled: logging.Logger) -> None:
    written: list[bytes] = []
    log = AccessLog(written.append)

    while not written:
        log.ended(ended_call())
    log.ended(ended_call())
    log.flush()

    assert WRITE_AT_BYTES <= len(written[0]) < WRITE_AT_BYTES + 1_000
    assert len(written[1].splitlines()) == 1


async def test_it_is_silent_below_its_level(enabled: logging.Logger) -> None:
    enabled.setLevel(logging.WARNING)
    written: list[bytes] = []
    log = AccessLog(written.append)

    log.ended(ended_call())
    log.flush()

    assert written == []
