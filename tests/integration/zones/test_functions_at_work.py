"""Deployed functions that call each other, write logs, and meet their limits, behind a gateway."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from storage.platform.functions.bundle import BundleFile
from tests.integration.zones.agent_process import ROOT, until
from tests.integration.zones.conftest import free_port
from tests.integration.zones.deployed_zones import Way, make_zones

ASKS = b"""
from functions.runtime.api import CallFailed

async def handle(event, context):
    try:
        answer = await context.invoke(event.path.strip("/"), {"n": 1}, path="/below?x=2")
    except CallFailed as error:
        return {"status": error.answer.status}
    context.log.info("asked", status=answer.status)
    print("printed")
    return answer.json()
"""
ANSWERS = b"""
async def handle(event, context):
    return {
        "heard": event.json(), "path": event.path, "query": event.query, "role": context.role,
        "subject": context.subject,
    }
"""
LEAKS = b"""
kept = []

async def handle(event, context):
    for _ in range(int(event.path.strip("/"))):
        kept.append(bytearray(1 << 20))
    return {"kept": len(kept)}
"""
SAYS = b"""
async def handle(event, context):
    return (await context.publish("late-meters", {"meter": "M-1"})).json()
"""
HEARS = b"""
async def handle(event, context):
    if event.trigger != "http":
        context.log.info(
            "heard", body=event.json(), trigger=event.trigger, attempt=event.attempt,
            source=event.headers["ce-source"], message=event.headers["ce-id"],
        )
"""


@pytest.fixture
def hq(
    zone_folder: Path,
    functions_folder: Path,
    database_url: str,
    redis_url: str,
    second_valkey: str,
) -> Iterator[Way]:
    """Headquarters alone, running, with the platform's messaging."""
    (functions_folder / "messaging").mkdir()
    spec = ROOT / "functions" / "messaging" / "function.yaml"
    shutil.copy(spec, functions_folder / "messaging")
    zones = make_zones(
        folder=zone_folder,
        functions=functions_folder,
        database_url=database_url,
        stores=(second_valkey, redis_url),
        ports=[free_port(), free_port()],
    )
    # Headquarters has nobody above it.
    del zones.settings[0]["GRIDFAAS_PARENT_URL"]
    with zones.running(1):
        yield zones.way(1)


def deploy(way: Way, name: str, handler: bytes, spec: str = "") -> None:
    made = way.deploy(
        [
            BundleFile(path="function.yaml", content=f"name: {name}\n{spec}".encode()),
            BundleFile(path="handler.py", content=handler),
        ]
    )
    assert made.status_code == 201, made.text
    way.until_ready(name, 1)
    until(lambda: way.call("GET", f"/function/{name}/1").status_code != 404, "the gateway knows it")


def log(way: Way, name: str) -> list[dict[str, Any]]:
    answer = way.call("GET", f"/v1/platform/functions/{name}/logs?tail=100")
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.text.split("\n") if line]


def followed(way: Way, name: str, act: Callable[[], object]) -> str:
    """Follow a log from now on while `act` goes on; return the text of the first line."""
    heard = threading.Event()

    def go_on() -> None:
        while not heard.wait(0.5):
            act()

    acting = threading.Thread(target=go_on)
    acting.start()
    try:
        with httpx.stream(
            "GET",
            f"{way.url}/v1/platform/functions/{name}/logs?tail=0&follow=true",
            headers={"authorization": f"Bearer {way.key}"},
            timeout=30,
        ) as stream:
            text: str = json.loads(next(stream.iter_lines()))["text"]
            return text
    finally:
        heard.set()
        acting.join()


def test_a_function_calls_another_of_its_tenant_and_both_leave_a_log(hq: Way) -> None:
    deploy(hq, "answers", ANSWERS, "scopes: {write: [bills:write]}\n")
    deploy(hq, "asks", ASKS)

    answer = hq.call("POST", "/function/asks/answers")

    assert answer.json() == {
        "heard": {"n": 1},
        "path": "/below",
        "query": {"x": "2"},
        "role": "tenant-service",
        "subject": "local.zone-1.acme",
    }
    assert hq.call("POST", "/function/answers").status_code == 403
    assert hq.call("POST", "/function/asks/nobody").json() == {"status": 404}

    def both() -> list[dict[str, Any]]:
        call_id = answer.headers["x-call-id"]
        return [line for line in log(hq, "asks") if line.get("call") == call_id]

    lines = until(lambda: len(both()) == 2 and both(), "the log has both lines")
    assert [(line["text"], line.get("fields")) for line in lines] == [
        ("asked", {"status": 200}),
        ("printed", None),
    ]
    assert "x-gridfaas-cpu-us" not in answer.headers
    assert "asked" in followed(hq, "asks", lambda: hq.call("POST", "/function/asks/answers"))


def test_a_leak_is_ended_counted_and_told_of_and_the_next_call_is_served(hq: Way) -> None:
    deploy(hq, "leaks", LEAKS, "memory_mb: 64\n")
    assert hq.call("POST", "/function/leaks/8").status_code == 200

    failed = hq.call("POST", "/function/leaks/500")

    assert failed.status_code == 503
    assert failed.json()["type"] == "urn:gridfaas:problem:memory-limit"
    until(lambda: hq.in_zone("leaks")["ended"] == {"memory-limit": 1}, "the end is counted")
    assert hq.in_zone("leaks")["last_end"]["reason"] == "memory-limit"
    answer = hq.call("POST", "/function/leaks/8")
    assert (answer.status_code, answer.json()) == (200, {"kept": 8})
    told = [line["text"] for line in log(hq, "leaks") if line.get("level") == "agent"]
    assert told == ["the worker ended: memory-limit (exit status 81)"]


def test_a_published_message_calls_the_function_that_listens(hq: Way) -> None:
    deploy(hq, "hears", HEARS, "triggers: [{type: topic, topic: late-meters}]\n")
    deploy(hq, "says", SAYS)

    published = hq.call("POST", "/function/says")

    assert published.json()["topic"] == "late-meters"

    # Finding out whether the gateway knew the function published one, too.
    def heard() -> list[dict[str, Any]]:
        lines = [line for line in log(hq, "hears") if line["text"] == "heard"]
        return [line for line in lines if line["fields"]["message"] == published.json()["id"]]

    (line,) = until(heard, "the listener was called")
    assert line["fields"] == {
        "body": {"meter": "M-1"},
        "trigger": "topic",
        "attempt": 1,
        "source": "/v1/messaging/topics/late-meters",
        "message": published.json()["id"],
    }
    assert line["call"].endswith(".1")
