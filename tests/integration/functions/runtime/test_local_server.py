"""A new function as its developer meets it: written, tested, served, changed, broken, mended."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from functions.runtime.template import FolderInUse, NameRefused, write_template
from tests.integration.functions.runtime.zygote_process import ROOT

WAIT_S = 30
SERVE = """
from pathlib import Path
from functions.runtime.local_server import serve
serve(Path({folder!r}), "127.0.0.1", {port})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_template(tmp_path / "sum-up", "sum-up")
    return tmp_path / "sum-up"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def served(folder: Path, **environment: str) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE.format(folder=str(folder), port=port)],
        cwd=ROOT,
        env=os.environ | environment,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        assert process.wait(WAIT_S) == 0


def answer(url: str, expected: int, *, holding: str = "") -> httpx.Response:
    """Call until the answer has the status and holds the text; a reload takes its time."""
    deadline = time.monotonic() + WAIT_S
    while True:
        with contextlib.suppress(httpx.TransportError):
            found = httpx.post(url, json={"values": [1, 2]}, timeout=WAIT_S)
            if found.status_code == expected and holding in found.text:
                return found
        assert time.monotonic() < deadline, f"no {expected} with {holding!r}"
        time.sleep(0.1)


def test_a_new_function_passes_its_own_test(folder: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert outcome.returncode == 0, outcome.stdout
    assert "2 passed" in outcome.stdout


def test_a_served_function_follows_its_files(folder: Path) -> None:
    handler = folder / "handler.py"
    with served(folder) as url:
        assert answer(url, 200).json() == {"sum": 3, "unit": "Wh", "zone": "local"}
        assert answer(f"{url}/function/sum-up/below", 200).json()["sum"] == 3

        handler.write_text(handler.read_text().replace("sum(values)", "sum(values) + 100"))
        assert answer(url, 200, holding="103").json()["sum"] == 103

        good = handler.read_text()
        handler.write_text("import no_such_module_here\n")
        broken = answer(url, 500, holding="no_such_module_here").json()
        assert broken["type"] == "urn:gridfaas:problem:function-unusable"
        assert "(handler.py, line 1)" in broken["detail"]

        handler.write_text(good)
        answer(url, 200, holding="103")


def test_a_secret_comes_from_the_environment(folder: Path) -> None:
    with (folder / "function.yaml").open("a") as spec:
        spec.write("secrets: [api-key]\n")
    with served(folder) as url:
        assert "GRIDFAAS_SECRET_API_KEY" in answer(url, 500).json()["detail"]
    with served(folder, GRIDFAAS_SECRET_API_KEY="s") as url:
        answer(url, 200)


def test_a_template_overwrites_nothing(folder: Path) -> None:
    with pytest.raises(FolderInUse):
        write_template(folder, "sum-up")


@pytest.mark.parametrize("name", ["Sum", "1st", "", "a/b", "x" * 64])
def test_a_name_that_no_function_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(NameRefused):
        write_template(tmp_path / "new", name)

    assert not (tmp_path / "new").exists()
