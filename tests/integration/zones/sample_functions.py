"""Functions for an agent to run: raw, FastAPI, one that never starts."""

from pathlib import Path

FUNCTION_YAML = """
name: {name}
tiers: {tiers}
role: FaaS
route_prefix: /v1/{name}
app: "{name}_app:create_app"
idle_s: {idle_s}
memory_mb: 64
"""

RAW_APP = '''
"""Says who it is, and counts how often it was asked."""

import json
import os
import sys


def create_app(config):
    asked = 0

    async def app(scope, receive, send):
        nonlocal asked
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        if scope["path"] == "/metrics":
            series = f'raw_asked_total{{tenant="other"}} {asked}'
            text = f"# TYPE raw_asked_total counter\\n{series}\\n"
            headers = [(b"content-type", b"text/plain; version=0.0.4")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": text.encode()})
            return
        asked += 1
        answer = {
            "pid": os.getpid(),
            "uids": os.getresuid(),
            "gids": os.getresgid(),
            "groups": os.getgroups(),
            "tenant": config.tenant,
            "redis_url": config.redis_url,
            "database_url": config.database_url,
            "zone_credential": config.zone_credential,
            "environ": dict(os.environ),
            "argv": sys.orig_argv,
            "no_new_privs": "NoNewPrivs:\\t1" in open("/proc/self/status").read(),
        }
        body = json.dumps(answer).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
'''

FASTAPI_APP = '''
"""Opens the clients that services open, then says what had to be imported for it."""

import contextlib
import sys

import asyncpg
import httpx
import redis.asyncio
from fastapi import FastAPI
from pydantic import BaseModel

from functions.runtime.tls import client_context


class Answer(BaseModel):
    tenant: str
    imported_late: list[str]


def create_app(config):
    before = set(sys.modules)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        async with httpx.AsyncClient(verify=client_context()) as client:
            app.state.http = client
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def root() -> Answer:
        store = redis.asyncio.from_url(config.redis_url)
        await store.ping()
        await store.aclose()
        with contextlib.suppress(OSError):
            await asyncpg.connect("postgresql://nobody:none@/none?host=/nonexistent")
        with contextlib.suppress(httpx.ConnectError):
            await app.state.http.get("http://127.0.0.1:1/")
        return Answer(tenant=config.tenant, imported_late=sorted(set(sys.modules) - before))

    return app
'''

BROKEN_APP = '''
"""Never starts."""


def create_app(config):
    raise RuntimeError("out of order")
'''


GREEDY_APP = '''
"""Takes the memory that `/v1/greedy/N` names, in MiB, and keeps it with `/keep`."""

import os

kept = []


def create_app(config):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        what = scope["path"].split("/")
        if what[1] == "v1" and what[3].isdigit():
            taken = bytearray(int(what[3]) << 20)
            if what[-1] == "keep":
                kept.append(taken)
        body = str(os.getpid()).encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
'''

BUSY_APP = '''
"""Takes the seconds at the end of the path, and answers `PID HIGHEST`: calls at a time so far."""

import asyncio
import os

now = highest = 0


def create_app(config):
    async def app(scope, receive, send):
        global now, highest
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        if scope["path"].startswith("/v1/"):
            now += 1
            highest = max(highest, now)
            await asyncio.sleep(float(scope["path"].rpartition("/")[2]))
            now -= 1
        body = b"%d %d" % (os.getpid(), highest)
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
'''


def write_function(folder: Path, name: str, app: str, **facts: object) -> None:
    """Write one function of tier 3 and its module; `facts` are lines of its function.yaml."""
    (folder / name).mkdir(parents=True)
    text = FUNCTION_YAML.format(name=name, tiers="[3]", idle_s=300)
    text += "".join(f"{fact}: {value}\n" for fact, value in facts.items())
    (folder / name / "function.yaml").write_text(text)
    (folder / f"{name}_app.py").write_text(app)


def write_functions(folder: Path) -> None:
    """Write five functions and their modules; `folder` goes on the zygote's path."""
    for name, app, tiers, idle_s in (
        ("raw", RAW_APP, "[2, 3]", 300),
        ("fast", FASTAPI_APP, "[3]", 300),
        ("brief", RAW_APP, "[3]", 1),
        ("broken", BROKEN_APP, "[3]", 300),
        ("elsewhere", RAW_APP, "[1]", 300),
    ):
        (folder / name).mkdir(parents=True)
        text = FUNCTION_YAML.format(name=name, tiers=tiers, idle_s=idle_s)
        (folder / name / "function.yaml").write_text(text)
        (folder / f"{name}_app.py").write_text(app)
