"""Tenants' own ASGI applications, and functions with requirements of their own."""

import json
from pathlib import Path
from textwrap import dedent

import pytest

from tests.integration.functions.runtime.conftest import WriteFunction
from tests.integration.functions.runtime.zygote_process import Worker, Zygote

FASTAPI_APP = """
import asyncio
import contextlib

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from functions.runtime.api import context_of

state = {"open": False}


@contextlib.asynccontextmanager
async def lifespan(app):
    state["open"] = True
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/meters/{meter_id}")
async def meter(meter_id: str, limit: int, request: Request):
    context = context_of(request.scope)
    context.log.info("asked", meter=meter_id)
    return {"meter": meter_id, "limit": limit, "tenant": context.tenant, "open": state["open"]}


@app.post("/stream")
async def stream(request: Request):
    size = 0
    async for piece in request.stream():
        size += len(piece)

    async def pieces():
        for _ in range(size // 1000):
            yield b"x" * 1000

    return StreamingResponse(pieces())


@app.get("/broken")
async def broken():
    raise RuntimeError("inside")


@app.get("/sleeps")
async def sleeps():
    await asyncio.sleep(60)
"""

BARE_APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    headers = [(b"x-gridfaas-cpu-us", b"0"), (b"x-own", b"1")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": scope["path"].encode()})
"""

IMPORTS = """
import importlib
import sys


async def handle(event, context):
    found = {}
    for name in event.json():
        module = importlib.import_module(name)
        found[name] = {
            "file": module.__file__, "version": getattr(module, "__version__", None)
        }
    return found
"""


@pytest.fixture(scope="module")
def fastapi_worker(zygote: Zygote, write_function: WriteFunction) -> Worker:
    return zygote.ready("meters", write_function("meters", app=FASTAPI_APP), timeout_s=2)


def test_a_fastapi_application_is_served_with_its_lifespan(fastapi_worker: Worker) -> None:
    answer = fastapi_worker.call("/meters/m-1?limit=3", method="GET")

    assert answer.json() == {"meter": "m-1", "limit": 3, "tenant": "acme", "open": True}
    assert int(answer.headers["x-gridfaas-cpu-us"]) > 0
    assert fastapi_worker.call("/meters/m-1", method="GET").status_code == 422


def test_bodies_stream_through(fastapi_worker: Worker) -> None:
    content = b"x" * 3_000_000

    assert fastapi_worker.call("/stream", content=content).content == content


@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [
        pytest.param("/broken", 500, "function-failed", id="it_raises"),
        pytest.param("/sleeps", 504, "deadline-exceeded", id="it_takes_too_long"),
    ],
)
def test_its_errors_are_problems(fastapi_worker: Worker, path: str, status: int, slug: str) -> None:
    answer = fastapi_worker.call(path, method="GET")

    assert answer.status_code == status
    if path == "/sleeps":
        assert answer.json()["type"] == f"urn:gridfaas:problem:{slug}"
    assert "inside" not in answer.text


def test_an_application_without_a_lifespan_cannot_forge_its_account(
    zygote: Zygote, write_function: WriteFunction
) -> None:
    answer = zygote.ready("bare", write_function("bare", app=BARE_APP)).call("/a/b")

    assert answer.text == "/a/b"
    assert answer.headers["x-own"] == "1"
    assert answer.headers.get_list("x-gridfaas-cpu-us") != ["0"]
    assert len(answer.headers.get_list("x-gridfaas-cpu-us")) == 1


def module(folder: Path, name: str, version: str) -> None:
    (folder / f"{name}.py").write_text(f"__version__ = {version!r}\n")
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        dedent(f"""
        Metadata-Version: 2.1
        Name: {name}
        Version: {version}
        """).lstrip()
    )


def test_own_requirements_win_over_what_the_runtime_has_not_loaded(
    zygote: Zygote, write_function: WriteFunction
) -> None:
    folder = write_function("imports", handler=IMPORTS, rates="", json="")
    env = folder / "env"
    env.mkdir()
    # mako is installed beside the runtime and not loaded by it; msgspec is; own is nobody's.
    for name, version in (("own", "1.0"), ("mako", "0.1"), ("msgspec", "0.0.1"), ("rates", "9")):
        module(env, name, version)
    worker = zygote.ready("imports", folder, env=str(env))

    names = ["own", "mako", "msgspec", "rates", "json"]
    found = worker.call("/", json=names).json()
    zygote.signal(worker, 15)
    worker.heard("exited")

    assert found["own"]["file"] == str(env / "own.py")
    assert found["mako"]["version"] == "0.1"
    assert found["msgspec"]["file"] != str(env / "msgspec.py")
    assert found["rates"]["file"] == str(folder / "rates.py")
    assert "site-packages" not in found["json"]["file"]
    assert not found["json"]["file"].startswith(str(folder))
    lines = [json.loads(line[1:]) for line in worker.written().split("\n") if line]
    said = [line["text"] for line in lines if "part of the runtime" in line["text"]]
    assert len(said) == 1
    assert said[0].startswith("msgspec ")
    assert said[0].endswith("0.0.1")
