"""Imports after the change to a tenant's uid, from folders that only root may pass."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")

SCRIPT = """
import sys
sys.path.insert(0, {hidden!r})
import first
from functions.runtime.confine import drop_privileges
from functions.runtime.kept_imports import keep_importing, open_import_folders
folders = open_import_folders()
drop_privileges(uid=65534, gid=65534)
if {keep}:
    keep_importing(folders)
import second, pack.inner
print(first.NAME, second.NAME, pack.inner.NAME)
import _strptime, zoneinfo
try:
    open({hidden!r} + "/../secret")
except PermissionError:
    print("the rest is closed")
"""


def run(hidden: Path, *, keep: bool) -> subprocess.CompletedProcess[str]:
    script = SCRIPT.format(hidden=str(hidden), keep=keep)
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def hidden(tmp_path: Path) -> Path:
    """A folder of modules below one that only root may pass, which holds a secret, too."""
    folder = tmp_path / "closed" / "modules"
    (folder / "pack").mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    (tmp_path / "closed" / "secret").write_text("s")
    for name in ("first.py", "second.py", "pack/__init__.py", "pack/inner.py"):
        (folder / name).write_text(f"NAME = {name!r}\n")
    return folder


def test_what_was_not_imported_before_still_can_be(hidden: Path) -> None:
    done = run(hidden, keep=True)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["first.py second.py pack/inner.py", "the rest is closed"]


def test_without_it_nothing_new_can_be(hidden: Path) -> None:
    done = run(hidden, keep=False)

    assert done.returncode != 0
    assert "No module named 'second'" in done.stderr
