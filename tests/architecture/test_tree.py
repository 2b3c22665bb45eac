"""What may lie where: rooms at the top, files named after their subject, no secret in git."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {"gateway", "functions", "zones", "storage", "meter_emulator", "deploy"}
SHAPELESS = re.compile(r"^(utils?|common|helpers?|managers?|misc|shared|base)(_|\.|$)")
KEY_TEXT = re.compile(r"\bgf_[A-Za-z0-9_-]{32}(?![A-Za-z0-9_-])")
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
STATE = {"password", "keys.json", "database_url", "redis_url", "zone_credential", "lab.lock"}


def tracked() -> list[Path]:
    """Files that git has or would take: an ignored one cannot be committed by accident."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_nothing_but_rooms_at_the_top() -> None:
    folders = {path.parts[0] for path in tracked() if len(path.parts) > 1}

    assert {name for name in folders if not name.startswith(".")} <= ROOMS | {"tests"}


def test_no_module_is_named_after_nothing() -> None:
    shapeless = [
        str(path)
        for path in tracked()
        if any(SHAPELESS.match(part) for part in path.parts) and path.suffix == ".py"
    ]

    assert shapeless == []


def test_unit_tests_mirror_the_tree() -> None:
    unit = Path("tests/unit")
    strangers = {
        path.parts[2]
        for path in tracked()
        if path.is_relative_to(unit) and path.name.startswith("test_")
    }

    assert strangers <= ROOMS


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path)
        for path in tracked()
        if path.suffix == ".py" and path.parts[0] in ROOMS and not says_what_it_is(ROOT / path)
    ]

    assert silent == []


def says_what_it_is(module: Path) -> bool:
    tree = ast.parse(module.read_text())
    return not tree.body or ast.get_docstring(tree) is not None


def test_no_secret_is_tracked() -> None:
    assert [str(path) for path in tracked() if path.name in STATE] == []
    for path in tracked():
        if path.suffix in {".txt", ".csv", ".png"}:
            continue
        text = (ROOT / path).read_text(errors="replace")
        assert PRIVATE_KEY.search(text) is None or path.parts[0] == "tests", path
        assert KEY_TEXT.search(text) is None or path.parts[0] == "tests", path


def test_state_and_environment_are_ignored() -> None:
    for name in (".venv/x", ".gridfaas/keys.json"):
        done = subprocess.run(
            ["git", "check-ignore", "-q", name], cwd=ROOT, timeout=30, check=False
        )
        assert done.returncode == 0, name


def test_lock_files_carry_hashes_and_no_addresses() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        packages = [line for line in text.splitlines() if re.match(r"^[a-z0-9]", line)]
        assert packages
        assert all(line.endswith("\\") for line in packages), name
        assert "://" not in text, name
