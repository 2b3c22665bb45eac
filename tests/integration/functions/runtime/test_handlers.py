"""Tenants' functions as callers see them: what a handler gets, and what its answers become."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.runtime.cycles import RARELY
from tests.integration.functions.runtime.conftest import WriteFunction
from tests.integration.functions.runtime.zygote_process import Worker, Zygote

HANDLER = """
import asyncio
import gc
import os
import weakref
from dataclasses import dataclass

import numpy as np

from functions.runtime.api import Refused, Response
from rates import RATE


@dataclass
class Sum:
    total: int
    parts: list


async def handle(event, context):
    what = event.path.strip("/")
    return await globals()[what](event, context)


async def nothing(event, context):
    return None


async def text(event, context):
    return "energía"


async def raw(event, context):
    return event.body[::-1]


async def values(event, context):
    return {"rate": RATE, "sum": Sum(3, [1, 2]), "array": np.arange(3), "one": np.float64(0.5)}


async def asked(event, context):
    return {
        "method": event.method, "query": event.query, "tags": event.query_values("tag"),
        "header": event.headers["x-own"], "inner": [h for h in event.headers if "gridfaas" in h],
        "body": event.json(), "trigger": event.trigger, "attempt": event.attempt,
        "call_id": event.call_id,
    }


async def around(event, context):
    return {
        "tenant": context.tenant, "zone": context.zone, "config": dict(context.config),
        "secret": context.secrets["token"], "now": context.now.isoformat(),
        "remaining": context.remaining_s, "hot": context.hot is None, "uid": os.getuid(),
        "no_new_privs": "NoNewPrivs:\\t1" in open("/proc/self/status").read(),
        "shown": repr(context),
    }


async def cycles(event, context):
    return {"looks": gc.isenabled(), "rarely": gc.get_threshold(), "frozen": gc.get_freeze_count()}


class Cycle:
    pass


async def hoards(event, context):
    global hoarded
    one = Cycle()
    one.itself, one.body = one, b"x" * (12 << 20)
    hoarded = weakref.ref(one)


async def still(event, context):
    return hoarded() is not None


async def own(event, context):
    return Response(
        status=201, headers={"x-meter": "m-1", "x-gridfaas-cpu-us": "0"}, body=b"made"
    )


async def pieces(event, context):
    async def stream():
        for part in (b"one,", b"two,", b"three"):
            yield part
            await asyncio.sleep(0)

    return Response(headers={"content-type": "text/csv"}, body=stream())


async def refused(event, context):
    raise Refused(409, "meter m-1 is closed", slug="meter-closed")


async def broken(event, context):
    print("about to fail")
    context.log.warning("odd", meter="m-1")
    raise KeyError("a secret of the inside")


async def object_(event, context):
    return object()


async def sleeps(event, context):
    await asyncio.sleep(60)


async def split(event, context):
    return Response(headers={"x-a": "1\\r\\nx-b: 2"}, body="x")
"""


@pytest.fixture(scope="module")
def folder(write_function: WriteFunction) -> Path:
    return write_function("handlers", handler=HANDLER, rates="RATE = 7")


@pytest.fixture(scope="module")
def worker(zygote: Zygote, folder: Path) -> Worker:
    return zygote.ready(
        "handlers", folder, config={"unit": "kWh"}, secrets={"token": "t0k3n"}, timeout_s=2
    )


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].removeprefix("urn:gridfaas:problem:")


@pytest.mark.parametrize(
    ("path", "status", "kind", "body"),
    [
        pytest.param("/nothing", 204, None, b"", id="none_is_no_content"),
        pytest.param("/text", 200, "text/plain; charset=utf-8", "energía".encode(), id="text"),
        pytest.param("/raw", 200, "application/octet-stream", b"cba", id="bytes"),
        pytest.param("/own", 201, "application/octet-stream", b"made", id="a_response"),
        pytest.param("/pieces", 200, "text/csv", b"one,two,three", id="a_stream"),
    ],
)
def test_what_a_handler_returns(
    worker: Worker, path: str, status: int, kind: str | None, body: bytes
) -> None:
    answer = worker.call(path, content=b"abc")

    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers.get("content-type") == kind


def test_values_become_json(worker: Worker) -> None:
    assert worker.call("/values").json() == {
        "rate": 7,
        "sum": {"total": 3, "parts": [1, 2]},
        "array": [0, 1, 2],
        "one": 0.5,
    }


def test_a_handler_sees_the_request_and_nothing_of_the_platforms_own(worker: Worker) -> None:
    answer = worker.call(
        "/asked?tag=a&tag=b&x=%C3%AD",
        headers={"x-own": "yes", "x-gridfaas-role": "topic", "x-call-id": "c7.3"},
        content=b'{"a": 1}',
    )

    assert answer.json() == {
        "method": "POST",
        "query": {"tag": "a", "x": "í"},
        "tags": ["a", "b"],
        "header": "yes",
        "inner": [],
        "body": {"a": 1},
        "trigger": "topic",
        "attempt": 3,
        "call_id": "c7.3",
    }


def test_a_handler_has_its_context_and_its_own_user(worker: Worker) -> None:
    around = worker.call("/around").json()

    assert around["tenant"] == "acme"
    assert around["config"] == {"unit": "kWh"}
    assert around["secret"] == "t0k3n"
    assert "t0k3n" not in around["shown"]
    assert around["now"].endswith("+00:00")
    assert 0 < around["remaining"] <= 2
    assert around["hot"]
    assert around["no_new_privs"]


def test_a_worker_looks_for_cycles_seldom_but_does(worker: Worker) -> None:
    cycles = worker.call("/cycles").json()

    assert cycles["looks"]
    assert cycles["rarely"] == [*RARELY]
    assert cycles["frozen"] > 0


def test_a_worker_that_grew_by_a_cycle_loses_it(worker: Worker) -> None:
    worker.call("/hoards")

    end = time.monotonic() + 10
    while (held := worker.call("/still").json()) and time.monotonic() < end:
        time.sleep(0.1)

    assert not held


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/refused", (409, "meter-closed"), id="it_refuses"),
        pytest.param("/asked", (400, "malformed-body"), id="no_json_where_it_asks_for_some"),
        pytest.param("/broken", (500, "function-failed"), id="it_raises"),
        pytest.param("/object_", (500, "function-failed"), id="it_returns_what_is_no_answer"),
        pytest.param("/split", (500, "function-failed"), id="it_smuggles_a_header"),
        pytest.param("/sleeps", (504, "deadline-exceeded"), id="it_takes_too_long"),
    ],
)
def test_errors_become_problems(worker: Worker, path: str, expected: tuple[int, str]) -> None:
    answer = worker.call(path, content=b"{", headers={"x-own": ""})

    assert problem(answer) == expected
    assert "inside" not in answer.text
    assert answer.json()["request_id"] == "request-1"


def test_a_callers_deadline_counts_where_it_is_nearer(worker: Worker) -> None:
    answer = worker.call("/sleeps", headers={"x-gridfaas-deadline-ms": "50"})

    assert problem(answer) == (504, "deadline-exceeded")


def test_every_answer_says_what_it_cost_and_a_function_cannot(worker: Worker) -> None:
    costs = [worker.call(path).headers for path in ("/own", "/values", "/broken")]

    for headers in costs:
        assert headers.get_list("x-gridfaas-cpu-us")[0].isdecimal()
        assert len(headers.get_list("x-gridfaas-cpu-us")) == 1
        assert int(headers["x-gridfaas-run-us"]) > 0
        assert int(headers["x-gridfaas-memory-kb"]) > 1000


def test_the_log_has_prints_fields_and_tracebacks_by_call(zygote: Zygote, folder: Path) -> None:
    worker = zygote.ready("logged", folder)
    worker.call("/broken")
    zygote.signal(worker, 15)
    worker.heard("exited")

    lines = [json.loads(line[1:]) for line in worker.written().split("\n") if line]
    by_text: dict[str, dict[str, Any]] = {line["text"].splitlines()[0]: line for line in lines}

    assert by_text["about to fail"]["call"] == "call-1"
    assert by_text["odd"] == {
        "text": "odd",
        "call": "call-1",
        "level": "warning",
        "fields": {"meter": "m-1"},
    }
    failed = by_text["the application failed"]
    assert "KeyError: 'a secret of the inside'" in failed["text"]
    assert failed["call"] == "call-1"
    assert not list(folder.rglob("*.pyc"))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param({}, "neither handler.py nor app.py", id="an_empty_folder"),
        pytest.param({"handler": "handle = 1"}, "no `async def handle", id="handle_is_no_function"),
        pytest.param(
            {"handler": "async def handle(event): ..."}, "too many positional", id="one_argument"
        ),
        pytest.param({"app": "x = 1"}, "no ASGI application named `app`", id="no_app"),
        pytest.param({"handler": "import nothing_there"}, "nothing_there", id="it_does_not_import"),
        pytest.param({"handler": "", "app": ""}, "both handler.py and app.py", id="both"),
    ],
)
def test_a_folder_that_is_no_function_says_why(
    zygote: Zygote, write_function: WriteFunction, files: dict[str, str], said: str
) -> None:
    name = f"bad-{abs(hash(said))}"
    worker = zygote.start(name, write_function(name, **files))

    while (event := worker.events.get(timeout=20))["event"] != "exited":
        assert event["event"] == "forked"
    assert event["status"] != 0
    assert said in worker.written()
