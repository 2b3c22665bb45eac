"""The import contracts hold, and name every service."""

import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[2]


def contracts() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / ".importlinter")
    return parser


def names(section: str, option: str) -> set[str]:
    return set(contracts()[section][option].split())


def test_the_import_contracts_hold() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_service_is_in_the_contract_that_keeps_them_apart() -> None:
    services = {
        f"functions.{folder.parent.name}"
        for folder in (ROOT / "functions").glob("*/__init__.py")
        if folder.parent.name != "runtime"
    }

    assert names("importlinter:contract:services-apart", "modules") == services
    assert names("importlinter:contract:runtime-below", "forbidden_modules") == services


def test_every_room_with_code_is_looked_at() -> None:
    rooms = {init.parent.name for init in ROOT.glob("*/__init__.py")}

    assert names("importlinter", "root_packages") == rooms
