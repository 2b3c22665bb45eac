"""The function that the providers' suite runs: it says what it sees, and misbehaves on request."""

from pathlib import Path

APP = '''
"""Answers GET /WHAT/N."""

import asyncio
import json
import os
import socket
import sys

turns = 0
kept = []


def see():
    return {
        "pid": os.getpid(),
        "uids": os.getresuid(),
        "gids": os.getresgid(),
        "groups": os.getgroups(),
        "environ": dict(os.environ),
        "argv": sys.orig_argv,
        "status": open("/proc/self/status").read(),
        "turns": turns,
        "kept": len(kept),
    }


def reach(family, address):
    probe = socket.socket(family)
    probe.settimeout(2)
    try:
        probe.connect(address)
        return "connected"
    except OSError as error:
        return type(error).__name__
    finally:
        probe.close()


def fork(count):
    """Leave up to `count` processes behind that live for a while."""
    made = 0
    for _ in range(count):
        try:
            pid = os.fork()
        except OSError:
            break
        if pid == 0:
            import time
            time.sleep(30)
            os._exit(0)
        made += 1
    return made


def write(place, mebibytes):
    try:
        with open(place, "wb") as target:
            for _ in range(mebibytes):
                target.write(bytes(1 << 20))
    except OSError as error:
        return error.strerror
    return "written"


async def ask_gateway(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /ping HTTP/1.0\\r\\n\\r\\n")
    answer = await reader.read()
    writer.close()
    return answer.decode()


async def answer(what, argument):
    if what == "see":
        return see()
    if what == "sleep":
        await asyncio.sleep(float(argument))
        return "slept"
    if what == "loop":
        while True:
            pass
    if what == "memory":
        kept.append(bytearray(int(argument) << 20))
        return "taken"
    if what == "fork":
        return fork(int(argument))
    if what == "write":
        return {place: write(place, int(argument)) for place in ("/tmp/x", "/x", "/app/x")}
    if what == "engine":
        return {
            path: reach(socket.AF_UNIX, path)
            for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/gridfaas/channel")
        }
    if what == "mounts":
        return open("/proc/self/mountinfo").read()
    if what == "network":
        return reach(socket.AF_INET, ("127.0.0.1", int(argument)))
    if what == "gateway":
        return await ask_gateway(int(argument))
    return "unknown"


async def app(scope, receive, send):
    global turns
    if scope["type"] == "lifespan":
        await receive()
        turns += 1
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    _, what, argument = [*scope["path"].split("/"), "", ""][:3]
    body = json.dumps(await answer(what, argument)).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
'''

BROKEN = '''
"""Never starts."""

raise RuntimeError("out of order")
'''


def write_function(folder: Path, code: str) -> Path:
    """Write a tenant's function that every user may read."""
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(code)
    (folder / "app.py").chmod(0o644)
    folder.chmod(0o755)
    return folder
