"""The zygote alone, spoken to as an agent does."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from tests.integration.zones.agent_process import ROOT, until
from tests.integration.zones.sample_functions import FUNCTION_YAML, write_functions

THREADED_APP = '''
"""Leaves a thread behind when it is imported."""

import threading
import time

threading.Thread(target=time.sleep, args=(600,), daemon=True).start()


def create_app(config):
    raise AssertionError("never forked")
'''


class Zygote:
    """The agent's end of the control socket."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self.process = process
        self.control = control

    def hear(self) -> dict[str, Any]:
        heard: dict[str, Any] = msgspec.msgpack.decode(self.control.recv(4096))
        return heard

    def fork(self, name: str, config: bytes) -> None:
        reader, writer = os.pipe()
        os.write(writer, config)
        os.close(writer)
        order = msgspec.msgpack.encode({"op": "fork", "id": name})
        socket.send_fds(self.control, [order], [reader])
        os.close(reader)


@contextlib.contextmanager
def running_zygote(functions: Path) -> Iterator[Zygote]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(20)
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "functions.runtime.zygote",
            "--control-fd",
            str(theirs.fileno()),
            "--functions",
            str(functions),
        ],
        pass_fds=[theirs.fileno()],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(functions)},
        cwd=ROOT,
    )
    theirs.close()
    with ours:
        zygote = Zygote(process, ours)
        try:
            assert zygote.hear()["event"] == "up"
            yield zygote
        finally:
            ours.close()
            process.wait(10)


@pytest.fixture
def zygote(functions_folder: Path) -> Iterator[Zygote]:
    """A zygote that is up."""
    with running_zygote(functions_folder) as zygote:
        yield zygote


def config(folder: Path, **change: object) -> bytes:
    return json.dumps(
        {
            "function": "raw",
            "app": "raw_app:create_app",
            "tenant": "acme",
            "zone": "zone-3a",
            "tier": 3,
            "socket": str(folder / "s"),
            "gateway_url": "http://127.0.0.1:1",
        }
        | change
    ).encode()


def test_the_end_of_the_agent_ends_workers_and_zygote(zygote: Zygote, zone_folder: Path) -> None:
    zygote.fork("one", config(zone_folder))
    worker = psutil.Process(zygote.hear()["pid"])
    assert zygote.hear() == {"event": "ready", "id": "one"}

    zygote.control.close()

    assert zygote.process.wait(10) == 0
    until(lambda: not worker.is_running(), "the worker ends")


def test_a_worker_drains_on_its_signal(zygote: Zygote, zone_folder: Path) -> None:
    zygote.fork("one", config(zone_folder))
    pid = zygote.hear()["pid"]
    assert zygote.hear()["event"] == "ready"

    zygote.control.send(msgspec.msgpack.encode({"op": "signal", "id": "one", "signal": 15}))

    assert zygote.hear() == {
        "event": "exited",
        "id": "one",
        "pid": pid,
        "status": 0,
        "signal": None,
        "limit": "",
    }


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"tier": "three"}, id="configuration_of_a_wrong_type"),
        pytest.param({"app": "nowhere:create_app"}, id="no_such_module"),
        pytest.param({"app": "broken_app:create_app"}, id="factory_raises"),
        pytest.param({"socket": "/nonexistent/s"}, id="socket_cannot_be_bound"),
    ],
)
def test_a_worker_that_cannot_start_says_so_and_the_next_one_can(
    zygote: Zygote, zone_folder: Path, change: dict[str, object]
) -> None:
    zygote.fork("bad", config(zone_folder) if not change else config(zone_folder, **change))

    assert zygote.hear()["event"] == "forked"
    ended = zygote.hear()
    assert (ended["event"], ended["id"]) == ("exited", "bad")
    assert ended["status"] != 0
    zygote.fork("good", config(zone_folder, socket=str(zone_folder / "good")))
    assert [zygote.hear()["event"] for _ in range(2)] == ["forked", "ready"]


def test_a_zygote_with_a_second_thread_refuses_to_fork(zone_folder: Path) -> None:
    functions = zone_folder / "functions"
    write_functions(functions)
    (functions / "threaded").mkdir()
    spec = FUNCTION_YAML.format(name="threaded", tiers="[3]", idle_s=300)
    (functions / "threaded" / "function.yaml").write_text(spec)
    (functions / "threaded_app.py").write_text(THREADED_APP)

    with running_zygote(functions) as zygote:
        zygote.fork("one", config(zone_folder))

        assert zygote.hear() == {
            "event": "refused",
            "id": "one",
            "detail": "the zygote has 2 threads",
        }
        assert psutil.Process(zygote.process.pid).children() == []
