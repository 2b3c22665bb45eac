"""A server of a benchmark that listens on a port of this machine, for the length of a block."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from deploy.benchmarks.failure import MeasurementFailed

HOST = "127.0.0.1"
START_S = 20.0
END_S = 10.0


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def listening(
    command: Sequence[str], *, port: int, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[psutil.Process]:
    """Run a command until the end of the block, which begins when `port` takes connections.

    What it writes goes to `log`.

    Raises:
        MeasurementFailed: it ended, or did not listen in time.
    """
    with log.open("wb") as written:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            env={**os.environ, **(env or {})},
        )
    try:
        deadline = time.monotonic() + START_S
        while not _takes_connections(port):
            if process.poll() is not None or time.monotonic() > deadline:
                last = log.read_text(errors="replace").strip().splitlines()[-1:]
                raise MeasurementFailed(f"{command[0]} does not listen: {' '.join(last)}")
            time.sleep(0.02)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _takes_connections(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
