"""An agent as its own process, and how a test talks to it."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

ROOT = Path(__file__).parents[3]
DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class Agent:
    """A running agent and its control API."""

    process: subprocess.Popen[bytes]
    http: httpx.Client
    run_dir: Path

    def ensure(self, *, tenant: str, function: str) -> httpx.Response:
        return self.http.post("/v1/instances", json={"tenant": tenant, "function": function})

    def instances(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get("/v1/instances").json()["instances"]
        return found

    def zygote(self) -> psutil.Process:
        (zygote,) = psutil.Process(self.process.pid).children()
        return zygote


def until(condition: Callable[[], Any], what: str) -> Any:
    """Return the first truthy answer of `condition`; fail after a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    pytest.fail(f"{what}: not within {DEADLINE_S} s")


def call(socket: str, path: str = "/") -> httpx.Response:
    """Call a worker as the gateway does."""
    with httpx.Client(transport=httpx.HTTPTransport(uds=socket), timeout=10) as client:
        return client.get(f"http://worker{path}")


@contextlib.contextmanager
def running_agent(environment: dict[str, str]) -> Iterator[Agent]:
    """Run an agent until it is ready, then for the length of the block; end it by SIGTERM."""
    run_dir = Path(environment["GRIDFAAS_RUN_DIR"])
    socket_path = run_dir / "agent.sock"
    process = subprocess.Popen([sys.executable, "-m", "zones.agent"], env=environment, cwd=ROOT)
    transport = httpx.HTTPTransport(uds=str(socket_path))
    try:
        with httpx.Client(transport=transport, base_url="http://agent", timeout=20) as client:

            def ready() -> bool:
                assert process.poll() is None, "the agent ended"
                # A refused connection would leave its socket to the garbage collector.
                return socket_path.exists() and client.get("/readyz").status_code == 200

            until(ready, "the agent is ready")
            yield Agent(process, client, run_dir)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
