"""`up --once` with workers killed while readings arrive: nothing is lost, nothing doubled."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

GRIDFAAS = Path(sys.executable).with_name("gridfaas")
METERS = 100
READINGS = METERS * 96


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gf-e2e-", dir="/tmp") as folder:
        # The servers' account has to pass through when we are root.
        Path(folder).chmod(0o711)
        yield Path(folder)


def free_ports(count: int) -> int:
    """Return the first of `count` neighbouring ports that nobody uses."""
    for first in range(20_000 + os.getpid() % 1000 * 10, 32_000, 10):
        probes = [socket.socket() for _ in range(count)]
        try:
            for number, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + number))
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
        return first
    raise AssertionError("no free ports")


def command_lines(processes: list[psutil.Process]) -> Iterator[tuple[psutil.Process, str]]:
    for process in processes:
        try:
            yield process, " ".join(process.cmdline())
        except psutil.NoSuchProcess:
            continue


def wait_for_the_sender(up: psutil.Process) -> None:
    deadline = time.monotonic() + 200
    while not any("meter_emulator send" in line for _, line in command_lines(up.children())):
        assert time.monotonic() < deadline, "nothing was sent"
        assert up.status() != psutil.STATUS_ZOMBIE, "it ended before it sent anything"
        time.sleep(0.02)


def kill_workers(up: psutil.Process) -> int:
    """Kill every process that a zygote forked, and return how many those were."""
    killed = 0
    for agent, line in command_lines(up.children()):
        if "-m zones.agent" not in line:
            continue
        for zygote in agent.children():
            for worker in zygote.children():
                worker.send_signal(signal.SIGKILL)
                killed += 1
    return killed


@pytest.mark.timeout(300)
def test_workers_killed_in_the_middle_lose_and_double_nothing(home: Path) -> None:
    process = subprocess.Popen(
        [
            *(GRIDFAAS, "up", "--once", "--json", "--meters", str(METERS)),
            *("--timeout", "240", "--first-port", str(free_ports(3))),
        ],
        env={**os.environ, "GRIDFAAS_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        up = psutil.Process(process.pid)
        wait_for_the_sender(up)
        # The sender reads its profiles first; the workers have to die under load.
        time.sleep(0.6)
        family = up.children(recursive=True)
        killed = kill_workers(up)
        out, err = process.communicate(timeout=260)
    finally:
        process.kill()
        process.wait()

    assert killed >= 4, "a worker for each of two tenants in each of two zones at least"
    assert process.returncode == 0, err
    figures = json.loads(out)
    assert figures["sent"] == figures["acknowledged"] == READINGS
    assert figures["cold_found"] == figures["cold_distinct"] == READINGS
    assert [process for process in family if process.is_running()] == []
