"""A lab that another process keeps running, as this one uses it."""

import asyncio
import time

from deploy.lab.failure import LabFailure
from deploy.lab.home import Home
from deploy.lab.keys_file import read_keys
from deploy.lab.lock import running_lab as running_lab_pid
from deploy.lab.processes import Stores
from deploy.lab.running import RunningLab
from deploy.lab.status_file import LabStatus, read_status

PAUSE_S = 0.2


class NoLab(LabFailure):
    """No lab runs here."""


async def attached_lab(home: Home, *, deadline: float) -> RunningLab:
    """Return the lab that runs in `home`, waiting for one that is starting.

    Raises:
        NoLab: none runs, or it was not up at `deadline` (`time.monotonic`).
    """
    while True:
        pid = running_lab_pid(home.state)
        if pid is None:
            raise NoLab(f"no lab is running (state: {home.state}): `gridfaas up` starts one")
        status = read_status(home)
        # What a killed lab left says nothing about this one.
        if status is not None and status.pid == pid and status.up:
            return _lab(home, status)
        if time.monotonic() > deadline:
            raise NoLab(f"the lab (process {pid}) did not come up in time")
        await asyncio.sleep(PAUSE_S)


def _lab(home: Home, status: LabStatus) -> RunningLab:
    return RunningLab(
        home=home,
        topology=status.topology,
        stores=Stores(database_url=status.database_url, redis_urls=status.redis_urls, servers={}),
        keys=read_keys(home.state / "keys.json"),
        prometheus_url=status.prometheus_url,
    )
