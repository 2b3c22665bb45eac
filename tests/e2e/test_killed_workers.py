"""`up --once` with workers killed while readings arrive: nothing is lost, nothing doubled."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis

from tests.e2e.free_ports import free_ports

GRIDFAAS = Path(sys.executable).with_name("gridfaas")
METERS = 600
# At least: homes with panels have a second register.
READINGS = METERS * 96
PAUSE_S = 0.01
DEADLINE_S = 200

Sequences = dict[str, str]


def eventually(look: Callable[[], bool], what: str, up: psutil.Process) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not look():
        assert time.monotonic() < deadline, f"not in time: {what}"
        assert up.status() != psutil.STATUS_ZOMBIE, f"it ended before {what}"
        time.sleep(PAUSE_S)


def command_lines(processes: list[psutil.Process]) -> Iterator[tuple[psutil.Process, str]]:
    for process in processes:
        try:
            yield process, " ".join(process.cmdline())
        except psutil.NoSuchProcess:
            continue


def senders(up: psutil.Process) -> list[psutil.Process]:
    return [one for one, line in command_lines(up.children()) if "meter_emulator send" in line]


def workers(up: psutil.Process) -> list[psutil.Process]:
    """Every process that a zygote forked."""
    return [
        worker
        for agent, line in command_lines(up.children())
        if "-m zones.agent" in line
        for zygote in agent.children()
        for worker in zygote.children()
    ]


def acknowledged(home: Path) -> Sequences:
    """The last sequence that each edge gave each tenant, from the edges' own stores."""
    found = {}
    for secret in sorted(home.glob("zones/zone-3*/secrets/redis_url")):
        try:
            with redis.Redis.from_url(secret.read_text(), decode_responses=True) as store:
                for key in store.keys("*:seq"):
                    found[f"{secret.parts[-3]} {key}"] = store.get(key)
        except redis.RedisError:
            continue
    return found


def let_send(up: psutil.Process, until: Callable[[], bool]) -> None:
    """Let the senders run in short turns: they cannot be through before `until` was looked at."""
    running = senders(up)
    try:
        while not until():
            for sender in running:
                sender.send_signal(signal.SIGCONT)
            time.sleep(2 * PAUSE_S)
            for sender in running:
                sender.send_signal(signal.SIGSTOP)
            eventually(lambda: True, "the next turn", up)
    finally:
        for sender in running:
            sender.send_signal(signal.SIGCONT)


@pytest.mark.timeout(400)
def test_workers_killed_in_the_middle_lose_and_double_nothing(lab_folder: Path) -> None:
    process = subprocess.Popen(
        [
            *(GRIDFAAS, "up", "--once", "--json", "--meters", str(METERS)),
            *("--timeout", "300", "--first-port", str(free_ports(4))),
        ],
        env={**os.environ, "GRIDFAAS_HOME": str(lab_folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        up = psutil.Process(process.pid)
        eventually(lambda: len(senders(up)) == 2, "both edges are sent to", up)
        let_send(up, until=lambda: len(acknowledged(lab_folder)) == 4)
        family, killed = up.children(recursive=True), workers(up)
        seen = acknowledged(lab_folder)
        eventually(lambda: acknowledged(lab_folder) != seen, "more is acknowledged", up)
        for worker in killed:
            worker.kill()
        seen = acknowledged(lab_folder)
        eventually(
            lambda: all(acknowledged(lab_folder).get(key, at) != at for key, at in seen.items()),
            "each edge goes on for each tenant",
            up,
        )
        out, err = process.communicate(timeout=330)
    finally:
        process.kill()
        process.wait()

    # A tenant's in each of four zones, and the forwarder of each of three.
    assert len(killed) >= 11
    assert process.returncode == 0, err
    figures = json.loads(out)
    planned = figures["planned"]
    assert planned >= READINGS
    assert figures["sent"] == figures["acknowledged"] == planned
    assert figures["cold_found"] == figures["cold_distinct"] == figures["hot_found"] == planned
    assert [process for process in family if process.is_running()] == []
