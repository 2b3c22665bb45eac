from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from functions.runtime.built_for import check_environment
from functions.runtime.function_app import FunctionUnusable


def install(env: Path, name: str) -> None:
    (env / "package").mkdir(parents=True)
    (env / "package" / name).write_bytes(b"")


def test_requirements_of_this_python_are_taken(tmp_path: Path) -> None:
    install(tmp_path, f"fast{EXTENSION_SUFFIXES[0]}")

    check_environment(str(tmp_path))


def test_pure_or_no_requirements_are_taken(tmp_path: Path) -> None:
    install(tmp_path, "plain.py")

    check_environment(str(tmp_path))
    check_environment(None)


def test_requirements_of_another_python_are_refused_with_the_way_out(tmp_path: Path) -> None:
    install(tmp_path, "fast.cpython-27-x86_64-linux-gnu.so")

    with pytest.raises(FunctionUnusable, match="PYTHON_IMAGE"):
        check_environment(str(tmp_path))
