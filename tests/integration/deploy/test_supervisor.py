"""The supervisor, over real processes."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from deploy.lab.service import Service
from deploy.lab.supervisor import Supervisor


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    (tmp_path / "sleeper.py").write_text("import time; print('up', flush=True); time.sleep(600)\n")
    (tmp_path / "failing.py").write_text("raise SystemExit('no database')\n")
    return tmp_path


def service(modules: Path, module: str) -> Service:
    env = {"PYTHONPATH": str(modules), "PATH": os.defpath}
    return Service(module, module=module, env=env, log_path=modules / f"{module}.log")


async def until(what: str, holds: Callable[[], bool], *, timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(0.02)


async def test_a_killed_process_is_started_again(modules: Path) -> None:
    supervisor = Supervisor()
    sleeper = service(modules, "sleeper")
    supervisor.add([("sleeper", sleeper)])
    watch = asyncio.create_task(supervisor.watch())
    try:
        first = sleeper.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until("another process", lambda: sleeper.pid not in (None, first))
        assert [watched.restarts for watched in supervisor.watched()] == [1]
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await supervisor.stop()


async def test_what_keeps_failing_is_tried_with_growing_pauses_and_named(modules: Path) -> None:
    supervisor = Supervisor()
    supervisor.add([("failing", service(modules, "failing"))])
    watch = asyncio.create_task(supervisor.watch())
    (watched,) = supervisor.watched()
    try:
        await until("two restarts", lambda: watched.restarts >= 2)
        assert watched.pause_s >= 0.4
        await until("its words", lambda: "no database" in supervisor.troubles())
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await supervisor.stop()


async def test_stop_leaves_nothing_behind(modules: Path) -> None:
    supervisor = Supervisor()
    sleepers = [service(modules, "sleeper"), service(modules, "sleeper")]
    for number, sleeper in enumerate(sleepers):
        supervisor.add([(f"sleeper-{number}", sleeper)])
    pids = [sleeper.pid for sleeper in sleepers]

    await supervisor.stop()

    assert not any(psutil.pid_exists(pid) for pid in pids if pid is not None)
    assert (modules / "sleeper.log").exists()
