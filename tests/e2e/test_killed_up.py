"""`up` killed with SIGKILL under load: nothing outlives it, and the next one is whole."""

import signal
import time
from pathlib import Path

import psutil
import pytest

from deploy.lab.home import find_home
from tests.e2e.command import START_S, Commands
from tests.e2e.free_ports import free_ports


def wait_for_load(up: psutil.Process) -> None:
    deadline = time.monotonic() + START_S
    while not any("meter_emulator" in one.cmdline() for one in living(up.children())):
        assert time.monotonic() < deadline, "nothing was sent"
        time.sleep(0.02)
    # The emulators read their profiles first.
    time.sleep(1.0)


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [
        one
        for one in processes
        if one.is_running() and one.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    ]


@pytest.mark.timeout(300)
def test_after_a_killed_up_the_next_one_is_whole(lab_folder: Path) -> None:
    commands = Commands(lab_folder)
    with commands.up("--meters", "400", "--once") as process:
        up = psutil.Process(process.pid)
        wait_for_load(up)
        family = up.children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.wait()

    figures = commands.json("up", "--once", "--meters", "40", "--first-port", str(free_ports(5)))

    assert living(family) == []
    assert figures["exactly_once"]
    assert figures["sent"] == figures["acknowledged"] == figures["cold_distinct"]
    assert not find_home(environ=commands.environ).run.exists()
