"""A lab that another process keeps running, as this one uses it."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

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


class LabEnded(LabFailure):
    """The lab ended before the work on it was done."""


_Result = TypeVar("_Result")


async def while_it_runs(home: Home, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Return what `work` returns; it is cancelled when the lab that runs in `home` ends.

    Raises:
        LabEnded: it ended.
    """
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_until_ended(home))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise LabEnded("the lab ended before the load was through")
        return working.result()
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


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


async def _until_ended(home: Home) -> None:
    pid = running_lab_pid(home.state)
    while True:
        if pid is None or running_lab_pid(home.state) != pid:
            return
        await asyncio.sleep(PAUSE_S)


def _lab(home: Home, status: LabStatus) -> RunningLab:
    return RunningLab(
        home=home,
        topology=status.topology,
        stores=Stores(database_url=status.database_url, redis_urls=status.redis_urls, servers={}),
        audit_url=status.database_url,
        keys=read_keys(home.state / "keys.json"),
        prometheus_url=status.prometheus_url,
    )
