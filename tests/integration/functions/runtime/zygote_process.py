"""A real zygote that runs tenants' folders, spoken to as an agent does."""

import contextlib
import json
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

ROOT = Path(__file__).parents[4]
WAIT_S = 20.0
FIRST_UID = 200_900
NOBODY = 65_534


class Worker:
    """One worker: its socket to call, what the zygote says of it, and what it wrote."""

    def __init__(self, name: str, socket_path: Path, log: int) -> None:
        self.name = name
        self._socket = socket_path
        self._log = log
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()

    def call(
        self, path: str = "/", *, method: str = "POST", timeout: float = 30, **request: Any
    ) -> httpx.Response:
        headers = {
            "x-gridfaas-tenant": "acme",
            "x-gridfaas-role": "tenant-service",
            "x-call-id": "call-1",
            "x-request-id": "request-1",
            **request.pop("headers", {}),
        }
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self._socket)), timeout=timeout
        ) as client:
            return client.request(method, f"http://worker{path}", headers=headers, **request)

    def heard(self, event: str) -> dict[str, Any]:
        """Wait for an event of this worker; loads are skipped."""
        while True:
            found = self.events.get(timeout=WAIT_S)
            if found["event"] == event:
                return found
            if found["event"] == "exited":
                pytest.fail(f"{self.name} ended: {found}\n{self.written()}")

    def written(self) -> str:
        """What the worker wrote to its log; only once it has ended."""
        with open(self._log, "rb", closefd=False) as log:
            return log.read().decode()


class Zygote:
    """The agent's end of the control socket, read by a thread."""

    def __init__(
        self, control: socket.socket, folder: Path, isolation: str, *, as_root: bool
    ) -> None:
        self.isolation = isolation
        self._as_root = as_root
        self._control = control
        self._folder = folder
        self._workers: dict[str, Worker] = {}
        self._logs: list[int] = []

    def start(self, name: str, code: Path, **config: Any) -> Worker:
        """Start a worker of the tenant's folder `code`; does not wait until it is ready."""
        reader, writer = os.pipe()
        log_reader, log_writer = os.pipe()
        self._logs.append(log_reader)
        worker = self._workers[name] = Worker(name, self._folder / f"{name}.s", log_reader)
        uid = config.pop("uid", FIRST_UID) if self._as_root else None
        described = {
            "function": name,
            "tenant": "acme",
            "zone": "zone-3a",
            "tier": 3,
            "socket": str(self._folder / f"{name}.s"),
            "gateway_url": "http://127.0.0.1:1",
            "folder": str(code),
            "memory_mb": 64,
            "uid": uid,
            "gid": uid,
            **config,
        }
        os.write(writer, json.dumps(described).encode())
        os.close(writer)
        order = msgspec.msgpack.encode({"op": "fork", "id": name})
        socket.send_fds(self._control, [order], [reader, log_writer])
        os.close(reader)
        os.close(log_writer)
        return worker

    def ready(self, name: str, code: Path, **config: Any) -> Worker:
        """Start a worker and wait until it serves."""
        worker = self.start(name, code, **config)
        worker.heard("ready")
        return worker

    def signal(self, worker: Worker, number: int) -> None:
        order = {"op": "signal", "id": worker.name, "signal": number}
        self._control.send(msgspec.msgpack.encode(order))

    def listen(self) -> None:
        with contextlib.suppress(OSError):
            while frame := self._control.recv(4096):
                event = msgspec.msgpack.decode(frame)
                self._workers[event["id"]].events.put(event)

    def close(self) -> None:
        for log in self._logs:
            os.close(log)


# An ordinary user may not read where root's Python lies: all is imported before.
ORDINARY = f"""
import os, sys
from pathlib import Path
from functions.runtime import preload, zygote
preload.preload(Path(sys.argv[-1]))
os.setgroups([])
os.setresgid({NOBODY}, {NOBODY}, {NOBODY})
os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
zygote.preload = lambda functions: None
zygote.main()
"""


@contextlib.contextmanager
def running_zygote(folder: Path, *, ordinary: bool = False) -> Iterator[Zygote]:
    """Run a zygote without services of the platform for the length of the block.

    `ordinary` runs it as nobody, where this is run by root.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [
            sys.executable,
            *(["-c", ORDINARY] if ordinary else ["-m", "functions.runtime.zygote"]),
            "--control-fd",
            str(theirs.fileno()),
            "--functions",
            str(folder),
        ],
        pass_fds=[theirs.fileno()],
        cwd=ROOT,
    )
    theirs.close()
    ours.settimeout(WAIT_S)
    up = msgspec.msgpack.decode(ours.recv(4096))
    assert up["event"] == "up"
    ours.settimeout(None)
    zygote = Zygote(ours, folder, up["isolation"], as_root=os.geteuid() == 0 and not ordinary)
    listener = threading.Thread(target=zygote.listen)
    listener.start()
    try:
        yield zygote
    finally:
        ours.shutdown(socket.SHUT_RDWR)
        process.wait(WAIT_S)
        listener.join(WAIT_S)
        ours.close()
        zygote.close()
