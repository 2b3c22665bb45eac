"""The `gridfaas` command."""

import logging
import sys

import click

from deploy.cli.commands import Commands
from deploy.cli.exit_codes import FAILED, INTERRUPTED
from deploy.lab.failure import LabFailure
from deploy.servers.failure import ServerFailure

logger = logging.getLogger(__name__)


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
def group() -> None:
    """GridFaaS: functions for advanced metering, from the edge to headquarters.

    `up` brings a whole platform up on this machine, sends it a day of emulated readings and
    proves that each one arrived. While it is up, `load` sends more and proves it again, `status`
    looks at it, `link` orders its emulated links, `tenant` and `key` administer it; `down` ends
    it. `backup` and `restore` keep its record safe. `bench` measures it.

    State is kept in $GRIDFAAS_HOME (for root by default below /var/lib/gridfaas, else in
    .gridfaas beside the code) and survives.
    """


def main() -> None:
    """Run the command line; errors that we know end it with one line."""
    logging.basicConfig(level=logging.CRITICAL)
    try:
        group(standalone_mode=False)
    except click.exceptions.Exit as request:
        sys.exit(request.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except (LabFailure, ServerFailure) as error:
        click.echo(f"gridfaas: {error}", err=True)
        sys.exit(FAILED)
