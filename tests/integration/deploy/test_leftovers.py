"""What a killed `up` leaves: processes that end, that are made to end, and strangers."""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.lab.home import Home, make_home
from deploy.lab.leftovers import LeftoverRemains, end_leftovers

ROOT = Path(__file__).parents[3]
OWNER = """
import sys, time
from pathlib import Path
from deploy.lab.service import Service
modules, lock = sys.argv[1:3]
service = Service("left", module=sys.argv[3], env={"PYTHONPATH": modules},
                  log_path=Path(modules) / "left.log", lock=Path(lock))
service.launch()
while "up" not in service.last_lines():
    time.sleep(0.01)
print(service.pid, flush=True)
time.sleep(600)
"""
ORDERLY = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {ORDERLY}"


class Steps:
    """Remembers the steps."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def step(self, text: str) -> None:
        self.told.append(text)

    def progress(self, done: int, total: int) -> None:
        """Nothing is counted here."""


@pytest.fixture
def home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory(prefix="gf-left-", dir="/tmp") as folder:
        home = Home(Path(folder) / "s", Path(folder) / "r")
        make_home(home)
        (home.state / "stubborn.py").write_text(STUBBORN)
        (home.state / "orderly.py").write_text(ORDERLY)
        yield home


def orphan(home: Home, module: str) -> int:
    """Start a process whose owner is killed then, and return its id."""
    lock = home.locks / "left.lock"
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(home.state), str(lock), module],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.kill()
    return pid


async def test_nothing_left_is_no_step(home: Home) -> None:
    (home.locks / "agent.lock").touch()
    steps = Steps()
    await end_leftovers(home, reporter=steps)

    assert steps.told == []


async def test_what_ends_on_its_own_is_waited_for(home: Home) -> None:
    pid = orphan(home, "orderly")
    await end_leftovers(home, reporter=Steps())

    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_what_does_not_end_is_killed(home: Home) -> None:
    pid = orphan(home, "stubborn")
    steps = Steps()
    await end_leftovers(home, reporter=steps, orderly_s=0.3)

    assert steps.told == ["waiting for 1 processes that a killed lab left"]
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", ORDERLY], stdout=subprocess.DEVNULL) as process:
        yield process
        process.kill()


async def test_a_stranger_that_has_the_number_now_is_left_alone(
    home: Home, stranger: subprocess.Popen[bytes]
) -> None:
    path = home.locks / "agent.lock"
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path.write_text(f"{stranger.pid}\n")
        written = time.time() - 3_600
        os.utime(path, (written, written))
        with pytest.raises(LeftoverRemains, match=r"agent\.lock"):
            await end_leftovers(home, reporter=Steps(), orderly_s=0.1, killed_s=0.1)

    assert stranger.poll() is None
