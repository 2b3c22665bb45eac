"""A lab's record, archived while it runs: drilled, restored elsewhere, and brought up again."""

import json
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.command import Commands
from tests.e2e.free_ports import free_ports

METERS = 20
PATIENCE_S = 60.0

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="gf-e2e-", dir="/tmp"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def once(commands: Commands) -> subprocess.CompletedProcess[str]:
    ports = str(free_ports(5))
    return commands.run("up", "--once", "--json", "--meters", str(METERS), "--first-port", ports)


def covered_until(commands: Commands) -> str:
    found: str | None = commands.json("backup", "--list")["covered_until"]
    return found or ""


def test_a_lab_is_archived_drilled_restored_and_up_again(folder: Path) -> None:
    lab = Commands(folder / "lab")
    key = folder / "key"
    key.write_text(secrets.token_hex(32))
    key.chmod(0o600)
    first = once(lab)
    assert first.returncode == 0, first.stderr

    taken = lab.json("backup", "--to", str(folder / "kept"), "--key-file", str(key))
    assert taken["backup"]["encrypted"]
    with lab.up("--json", "--meters", str(METERS)) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert said["exactly_once"]
        running = {one["name"] for one in lab.wait_until(process, "ready")["processes"]}
        drilled = lab.json("restore", "--drill")
        before = covered_until(lab)
        deadline = time.monotonic() + PATIENCE_S
        while covered_until(lab) == before:
            assert time.monotonic() < deadline, "nobody archives"
            time.sleep(0.5)
        lab.run("down")

    assert "backup" in running
    assert drilled["equal"]
    rows = {one["table"]: one["rows"] for one in drilled["tables"]}
    for schema in ("t_basra_power", "t_tigris_energy"):
        # Where they are depends on when the tail was folded.
        assert rows[f"{schema}.blocks"] + rows[f"{schema}.tail"] > 0

    into = folder / "again"
    done = lab.json("restore", "--into", str(into))
    held = json.loads((into / "day.json").read_text())
    assert held["last"] >= said["day"]
    assert done["timeline"] == 2
    again = once(Commands(into))
    assert again.returncode == 0, again.stderr
    answer = json.loads(again.stdout)
    assert answer["exactly_once"]
    # Its zones' stores are new; the days that the record has are not taken again.
    assert answer["day"] > said["day"]
    assert (into / "keys.json").read_text() == (folder / "lab" / "keys.json").read_text()
    assert not (into / "backup.json").exists()
    refused = lab.run("restore", "--into", str(into))
    assert refused.returncode == 1
    assert "not empty" in refused.stderr
