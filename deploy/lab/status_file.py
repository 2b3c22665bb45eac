"""What a running lab tells other commands about itself."""

import asyncio
from pathlib import Path

import msgspec

from deploy.lab.home import Home
from deploy.lab.supervisor import Supervisor
from storage.platform.snapshot import write_private
from zones.topology import Topology

NAME = "status.json"
REFRESH_S = 0.5


class ProcessStatus(msgspec.Struct, frozen=True):
    """A supervised process; `pid` is None while it is down."""

    name: str
    pid: int | None
    restarts: int


class LabStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Processes and addresses of the running lab; `up` is true once every zone was ready.

    The stores' addresses hold administrators' passwords: the file is its owner's alone.
    """

    pid: int
    isolation: str
    topology: Topology
    gateways: dict[str, str]
    database_url: str
    redis_urls: dict[str, str]
    logs: str
    keys_file: str
    prometheus_url: str | None = None
    up: bool = False
    processes: list[ProcessStatus] = []


class StatusKeeper:
    """Writes the status whenever it changes."""

    def __init__(self, home: Home, about: LabStatus, supervisor: Supervisor) -> None:
        self._home = home
        self._about = about
        self._supervisor = supervisor
        self._last: LabStatus | None = None

    def say_up(self, *, prometheus_url: str | None) -> None:
        """Tell that every zone is ready, and where Prometheus answers if there is one."""
        self._about = msgspec.structs.replace(self._about, up=True, prometheus_url=prometheus_url)
        self._write()

    async def run(self) -> None:
        """Keep the file current until cancelled."""
        while True:
            self._write()
            await asyncio.sleep(REFRESH_S)

    def _write(self) -> None:
        processes = [
            ProcessStatus(watched.label, watched.process.pid, watched.restarts)
            for watched in self._supervisor.watched()
        ]
        current = msgspec.structs.replace(self._about, processes=processes)
        if current != self._last:
            write_private(status_path(self._home), msgspec.json.encode(current))
            self._last = current


def read_status(home: Home) -> LabStatus | None:
    """Return what a lab wrote last, or None when it has written nothing that we can read."""
    try:
        return msgspec.json.decode(status_path(home).read_bytes(), type=LabStatus)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def status_path(home: Home) -> Path:
    """Where the status is kept."""
    return home.state / NAME
