"""The health check's program, against real listeners."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROBE = Path(__file__).parents[4] / "deploy" / "images" / "probe.py"


@contextmanager
def answering(listener: socket.socket, answer: bytes) -> Iterator[None]:
    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield
    thread.join(10)


def probe(address: str) -> int:
    command = [sys.executable, "-I", "-S", str(PROBE), address, "/readyz"]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n{}", 0, id="ready"),
        pytest.param(b"HTTP/1.1 503 Service Unavailable\r\n\r\n", 1, id="not_ready"),
        pytest.param(b"", 1, id="it_hangs_up"),
    ],
)
def test_tcp(answer: bytes, status: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, answering(listener, answer):
        assert probe(f"tcp:{listener.getsockname()[1]}") == status


def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        with answering(listener, b"HTTP/1.1 200 OK\r\n\r\n"):
            assert probe(f"unix:{path}") == 0


def test_nobody_there(tmp_path: Path) -> None:
    assert probe(f"unix:{tmp_path / 'none'}") == 1
