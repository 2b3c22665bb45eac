"""Starts that must not happen end with one clear line, and leave nothing behind."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.lab.home import Home, find_home, make_home
from deploy.lab.lock import LabIsRunning, hold_lab, running_lab

GRIDFAAS = Path(sys.executable).with_name("gridfaas")


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gf-home-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def gridfaas(home: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [GRIDFAAS, *arguments],
        env={**os.environ, "GRIDFAAS_HOME": str(home), **environ},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def the_error(done: subprocess.CompletedProcess[str]) -> str:
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("- ")]
    return line


def test_a_taken_port_is_named_before_anything_starts(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = gridfaas(home / "new" / "state", "up", "--once", "--first-port", str(port))

    assert done.returncode == 1
    assert f"127.0.0.1:{port}, the gateway of zone-1, cannot be used" in the_error(done)
    assert_nothing_is_left(home)
    assert list(home.iterdir()) == []


def assert_nothing_is_left(home: Path) -> None:
    """No sockets, and no process that works in this home."""
    assert not find_home(environ={"GRIDFAAS_HOME": str(home)}).run.exists()
    told = [(one.pid, one.info) for one in psutil.process_iter(["cmdline", "environ"])]
    assert [(pid, info["cmdline"]) for pid, info in told if str(home) in repr(info)] == []


def test_a_missing_server_is_named_before_another_one_starts(home: Path) -> None:
    data = home / "servers" / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    done = gridfaas(home, "up", "--once", "--first-port", "18461")

    assert done.returncode == 1
    assert "no usable PostgreSQL 9" in the_error(done)
    assert not (home / "servers" / "valkey-zone-2" / "data").exists()
    assert_nothing_is_left(home)


def test_a_zone_that_does_not_get_ready_is_named_and_nothing_runs_on(home: Path) -> None:
    done = gridfaas(home, "up", "--once", "--first-port", "18451", "--timeout", "1")

    assert done.returncode == 1
    assert "not ready in time: zone-1: " in the_error(done)
    assert_nothing_is_left(home)


def test_a_folder_that_cannot_be_made_is_named(home: Path) -> None:
    (home / "file").touch()
    done = gridfaas(home / "file" / "state", "up", "--once")

    assert done.returncode == 1
    assert "cannot make" in the_error(done)


def test_a_second_lab_on_the_same_state_is_refused(home: Path) -> None:
    with hold_lab(home):
        assert running_lab(home) == os.getpid()
        done = gridfaas(home, "up", "--once")

    assert done.returncode == 1
    assert f"already running (process {os.getpid()})" in the_error(done)
    assert running_lab(home) is None


def test_a_lab_can_be_held_once_in_a_process_too(home: Path) -> None:
    make_home(Home(home, home / "r"))
    with hold_lab(home), pytest.raises(LabIsRunning), hold_lab(home):
        pass


def test_a_database_that_does_not_answer_is_named(home: Path) -> None:
    url = "postgresql://a:b@/gridfaas?host=/nonexistent&port=5432"
    done = gridfaas(home, "up", "--once", "--first-port", "18471", DATABASE_URL=url)

    assert done.returncode == 1
    assert "DATABASE_URL names a server that does not answer" in the_error(done)
    assert_nothing_is_left(home)


def test_other_commands_say_that_nothing_runs(home: Path) -> None:
    for command in (("down",), ("load",), ("tenant", "list"), ("key", "show", "basra-power")):
        assert gridfaas(home, *command).returncode == 3, command
    done = gridfaas(home, "status")
    assert done.returncode == 3
    assert "not running" in done.stdout
