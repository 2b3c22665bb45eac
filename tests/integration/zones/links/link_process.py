"""`python -m zones.links` as a process of its own, with its control socket and its metrics."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.free_ports import free_ports
from zones.topology import DESIGNS

ROOT = Path(__file__).parents[4]
START_S = 30.0


@dataclass(frozen=True, slots=True)
class LinkProcess:
    """A running process of one link, `zone-2-to-zone-1` of the fog and edge design."""

    port: int
    process: asyncio.subprocess.Process
    control_path: Path
    control: httpx.AsyncClient
    shown: httpx.AsyncClient

    async def patch(self, path: str, **change: Any) -> httpx.Response:
        """Change a path of the link."""
        return await self.control.patch(f"/v1/links/zone-2-to-zone-1/paths/{path}", json=change)

    async def metrics(self) -> dict[tuple[str, ...], float]:
        """Samples by name and the values of their labels, in the order of the labels' names."""
        text = (await self.shown.get("/metrics")).text
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


def environment(folder: Path, *, port: int, target: int, **more: str) -> dict[str, str]:
    """What the process is told; /metrics is on the port after the link's."""
    route = {
        "link": "zone-2-to-zone-1",
        "listen": f"127.0.0.1:{port}",
        "target": f"127.0.0.1:{target}",
    }
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "GRIDFAAS_LINK_DESIGN": str(DESIGNS / "fc-ec.yaml"),
        "GRIDFAAS_LINK_ROUTES": json.dumps([route]),
        "GRIDFAAS_LINK_METRICS": f"127.0.0.1:{port + 1}",
        "GRIDFAAS_LINK_CONTROL": str(folder / "control.sock"),
        "GRIDFAAS_LOG_CONFIG": str(ROOT / "deploy" / "logging.json"),
    } | more


@asynccontextmanager
async def running_link(target: int) -> AsyncIterator[LinkProcess]:
    """A link in front of `target`, for a block's length; it must end in order."""
    port = free_ports(2)
    with tempfile.TemporaryDirectory(prefix="gf-link-", dir="/tmp") as folder:
        env = environment(Path(folder), port=port, target=target)
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "zones.links", env=env)
        control_path = Path(folder) / "control.sock"
        uds = httpx.AsyncHTTPTransport(uds=str(control_path))
        shown = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port + 1}", trust_env=False)
        try:
            async with httpx.AsyncClient(base_url="http://link", transport=uds) as control, shown:
                await _until_up(shown, process)
                yield LinkProcess(port, process, control_path, control, shown)
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), START_S) == 0
            assert not control_path.exists()


async def _until_up(shown: httpx.AsyncClient, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_S):
        while True:
            assert process.returncode is None
            try:
                if (await shown.get("/healthz")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.1)
