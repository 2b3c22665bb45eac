"""Workers as many as the calls need: from zero, up, and back to zero, in a real zone."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.zones.agent_process import until
from tests.integration.zones.conftest import free_port
from tests.integration.zones.deployed_zones import Way, files, make_zones

SLOW = """\
import asyncio
import os


async def handle(event, context):
    await asyncio.sleep(0.4)
    return {"pid": os.getpid()}
"""


@pytest.fixture
def hq(
    zone_folder: Path, functions_folder: Path, database_url: str, redis_url: str, second_valkey: str
) -> Iterator[Way]:
    """Headquarters, running alone."""
    zones = make_zones(
        folder=zone_folder,
        functions=functions_folder,
        database_url=database_url,
        stores=(second_valkey, redis_url),
        ports=[free_port(), free_port()],
    )
    with zones.running(1):
        yield zones.way(1)


def at_once(way: Way, count: int, path: str) -> list[httpx.Response]:
    answers: list[httpx.Response] = []
    callers = [
        threading.Thread(target=lambda: answers.append(way.call("POST", path, json={})))
        for _ in range(count)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return answers


def ready(way: Way, name: str) -> list[dict[str, Any]]:
    return [one for one in way.in_zone(name)["instances"] if one["state"] == "ready"]


def test_load_brings_workers_and_quiet_takes_them_all_away(hq: Way) -> None:
    spec = "concurrency: 2\nmax: 3\nidle_s: 3\nscale: {target: 1.0, stable_s: 1}\n"
    hq.deploy(files("slow", "", spec=spec, handler_py=SLOW))
    hq.until_ready("slow", 1)
    assert ready(hq, "slow") == []
    pids: set[int] = set()
    done = threading.Event()
    statuses: Counter[int] = Counter()

    def call_on() -> None:
        while not done.is_set():
            answer = hq.call("POST", "/function/slow", json={})
            statuses[answer.status_code] += 1
            pids.add(answer.json()["pid"])

    callers = [threading.Thread(target=call_on) for _ in range(6)]
    for caller in callers:
        caller.start()
    try:
        until(lambda: len(pids) == 3, "three workers answer")
        assert len(ready(hq, "slow")) <= 3
    finally:
        done.set()
        for caller in callers:
            caller.join()

    assert set(statuses) == {200}
    until(lambda: hq.in_zone("slow")["instances"] == [], "all workers have gone")
    assert hq.in_zone("slow")["ended"] == {"idle": 3}
    assert hq.call("POST", "/function/slow", json={}).status_code == 200


def test_from_zero_as_many_wait_as_the_spec_allows_and_all_are_answered(hq: Way) -> None:
    hq.deploy(files("narrow", "", spec="concurrency: 1\nqueue: 2\n", handler_py=SLOW))
    hq.until_ready("narrow", 1)

    answers = at_once(hq, 8, "/function/narrow")

    assert len(answers) == 8
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 429}
    assert statuses[200] >= 2
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.json()["limit"] for answer in refused} == {"queue"}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert len(ready(hq, "narrow")) == 1
