"""Archives a lab's record for as long as it runs: `up` starts it where a plan was made."""

import logging.config
import os
import signal
import sys
from pathlib import Path
from threading import Event

import msgspec

from deploy.backup.address import open_vault
from deploy.backup.failure import BackupFailure
from deploy.backup.following import follow
from deploy.backup.plan_file import read_plan
from deploy.backup.sealing import Sealer, read_key
from deploy.backup.source import opened_source
from deploy.lab.home import find_home
from deploy.lab.topology import headquarters, lab_topology
from deploy.servers.failure import ServerFailure

logger = logging.getLogger(__name__)


def main() -> int:
    """Follow the plan of $GRIDFAAS_HOME until SIGTERM."""
    logging.config.dictConfig(
        msgspec.json.decode(Path(os.environ["GRIDFAAS_LOG_CONFIG"]).read_bytes())
    )
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    home, topology = find_home(environ=os.environ), lab_topology()
    try:
        plan = read_plan(home)
        if plan is None:
            raise BackupFailure("no plan: `gridfaas backup --to` makes one")
        key = None if plan.key_file is None else read_key(Path(plan.key_file))
        with (
            open_vault(plan.address, environ=os.environ) as vault,
            opened_source(home, topology, environ=os.environ) as source,
        ):
            follow(
                source,
                vault,
                Sealer(key),
                plan,
                home=home,
                headquarters=headquarters(topology).name,
                stop=stop,
            )
    except (BackupFailure, ServerFailure) as error:
        logger.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
