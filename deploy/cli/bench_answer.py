"""What every benchmark's command does: run, show its progress, answer and exit."""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import click

from deploy.cli.exit_codes import BAR_NOT_MET, OK
from deploy.cli.interruption import cancelled_by_signals
from deploy.cli.progress import ShownProgress

as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print all figures as one object."
)


def interruptible(measure: Callable[[ShownProgress], Any]) -> dict[str, Any]:
    """Run a measurement that shows its progress; a signal ends it, and all that it started."""

    async def run() -> dict[str, Any]:
        with cancelled_by_signals(), ShownProgress() as reporter:
            result: dict[str, Any] = await measure(reporter)
            return result

    try:
        return asyncio.run(run())
    except asyncio.CancelledError:
        raise click.Abort from None


def end(result: dict[str, Any], as_json: bool, *, table: str) -> None:
    """Print the figures, or the table and a line a bar, and exit with what the bars say."""
    if as_json:
        click.echo(json.dumps(result))
    else:
        click.echo(table, nl=False)
        for name, bar in result["bars"].items():
            verdict = "met" if bar["met"] else "NOT met"
            if bar["target"] is None:
                click.echo(f"{name} {bar['value']}")
            else:
                click.echo(f"{name} {bar['value']} (target {bar['target']}): {verdict}")
    sys.exit(OK if all(bar["met"] for bar in result["bars"].values()) else BAR_NOT_MET)


def this_command() -> str:
    """The command line, as it goes into the figures."""
    return " ".join(["gridfaas", *sys.argv[1:]])
