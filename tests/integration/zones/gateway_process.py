"""A gateway as its own process beside an agent of the same zone, and what both are told."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.integration.zones.agent_process import ROOT, until


def environment(
    folder: Path, *, zone: str, tier: int, port: int, functions: Path, **secrets: str
) -> dict[str, str]:
    for name in ("state", "run", "secrets"):
        (folder / zone / name).mkdir(mode=0o700, parents=True)
    for name, value in secrets.items():
        (folder / zone / "secrets" / name).write_text(value)
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(functions),
        "GRIDFAAS_ZONE": zone,
        "GRIDFAAS_TIER": str(tier),
        "GRIDFAAS_STATE_DIR": str(folder / zone / "state"),
        "GRIDFAAS_RUN_DIR": str(folder / zone / "run"),
        "GRIDFAAS_SECRETS_DIR": str(folder / zone / "secrets"),
        "GRIDFAAS_PARENT_URL": f"http://127.0.0.1:{port}",
        "GRIDFAAS_GATEWAY_URL": f"http://127.0.0.1:{port}",
        "GRIDFAAS_FUNCTIONS_DIR": str(functions),
    }


@contextlib.contextmanager
def running_gateway(settings: dict[str, str], *, port: int) -> Iterator[subprocess.Popen[bytes]]:
    listen = {"GRIDFAAS_HOST": "127.0.0.1", "GRIDFAAS_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "gateway"], env=settings | listen, cwd=ROOT)
    try:

        def ready() -> bool:
            assert process.poll() is None, "the gateway ended"
            with contextlib.suppress(httpx.TransportError):
                return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
            return False

        until(ready, "the gateway answers")
        yield process
    finally:
        process.terminate()
        process.wait(15)
