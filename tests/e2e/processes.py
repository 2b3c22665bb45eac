"""The lab's processes by what they are, found anew each time: a killed one comes back changed."""

import asyncio
import json

import psutil

from deploy.lab.status_file import read_status
from tests.e2e.lab import Lab
from tests.e2e.line import Line, NoAnswer, by_socket

PAUSE_S = 0.02


class Processes:
    """Process ids, from the lab's status and from each agent's list of instances."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    async def supervised(self, name: str) -> int:
        """The process that the lab's status calls `name`, once it runs."""
        while True:
            status = read_status(self._lab.home)
            for process in status.processes if status is not None else ():
                if process.name == name and process.pid is not None and _runs(process.pid):
                    return process.pid
            await asyncio.sleep(PAUSE_S)

    async def zygote(self, zone: str) -> int:
        """The zone's zygote, once it runs."""
        while True:
            agent = await self.supervised(f"agent-{zone}")
            try:
                for child in psutil.Process(agent).children():
                    if "functions.runtime.zygote" in " ".join(child.cmdline()) and _runs(child.pid):
                        return child.pid
            except psutil.NoSuchProcess:
                continue
            await asyncio.sleep(PAUSE_S)

    async def worker(self, zone: str, function: str, tenant: str | None) -> int:
        """A ready worker of a function, of any tenant's for None, once there is one."""
        while True:
            for one in await self._instances(zone):
                wanted = one["function"] == function and tenant in (None, one["tenant"])
                if wanted and one["state"] == "ready" and _runs(one["pid"]):
                    return int(one["pid"])
            await asyncio.sleep(PAUSE_S)

    async def _instances(self, zone: str) -> list[dict[str, str | int]]:
        line = Line(by_socket(self._lab.home.zone_run(zone) / "agent.sock"), answer_s=5)
        try:
            answer = await line.call("GET", "/v1/instances")
        except NoAnswer:
            return []
        finally:
            line.close()
        found: list[dict[str, str | int]] = json.loads(answer.body)["instances"]
        return found


def _runs(pid: int | str) -> bool:
    try:
        return psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
