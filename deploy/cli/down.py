"""`gridfaas down`: end the running lab."""

import json
import os
import signal
import sys
import time

import click

from deploy.cli.exit_codes import NOT_RUNNING, OK
from deploy.lab.failure import LabFailure
from deploy.lab.home import find_home
from deploy.lab.lock import running_lab

PAUSE_S = 0.1


class StillRunning(LabFailure):
    """The lab did not end in time."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
@click.option(
    "--timeout", default=90.0, show_default=True, type=click.FloatRange(1), help="Seconds to wait."
)
def down(*, as_json: bool, timeout: float) -> None:
    """End the lab that `up` started here, in order; its data and keys stay.

    \b
    Exit codes:
      0  it was running and has ended
      1  it did not end in time
      3  it was not running
    """
    state = find_home(environ=os.environ).state
    pid = running_lab(state)
    if pid is None:
        click.echo(json.dumps({"ended": False}) if as_json else "the lab is not running")
        sys.exit(NOT_RUNNING)
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while running_lab(state) == pid:
        if time.monotonic() > deadline:
            raise StillRunning(f"the lab (process {pid}) did not end within {timeout:.0f} s")
        time.sleep(PAUSE_S)
    click.echo(json.dumps({"ended": True, "pid": pid}) if as_json else "the lab has ended")
    sys.exit(OK)
