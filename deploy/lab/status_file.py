"""What a running lab tells other commands about itself."""

import asyncio
from pathlib import Path

import msgspec

from deploy.lab.home import Home
from deploy.lab.supervisor import Supervisor
from storage.platform.snapshot import write_private

NAME = "status.json"
REFRESH_S = 0.5


class ProcessStatus(msgspec.Struct, frozen=True):
    """A supervised process; `pid` is None while it is down."""

    name: str
    pid: int | None
    restarts: int


class LabStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Processes and addresses of the running lab."""

    pid: int
    isolation: str
    gateways: dict[str, str]
    logs: str
    keys_file: str
    processes: list[ProcessStatus] = []


async def keep_status(home: Home, about: LabStatus, supervisor: Supervisor) -> None:
    """Write the status whenever it changes, until cancelled."""
    last: LabStatus | None = None
    while True:
        processes = [
            ProcessStatus(watched.label, watched.process.pid, watched.restarts)
            for watched in supervisor.watched()
        ]
        current = msgspec.structs.replace(about, processes=processes)
        if current != last:
            write_private(status_path(home), msgspec.json.encode(current))
            last = current
        await asyncio.sleep(REFRESH_S)


def read_status(home: Home) -> LabStatus | None:
    """Return what the running lab wrote last, or None when it has written nothing yet."""
    try:
        return msgspec.json.decode(status_path(home).read_bytes(), type=LabStatus)
    except FileNotFoundError:
        return None


def status_path(home: Home) -> Path:
    """Where the status is kept."""
    return home.state / NAME
