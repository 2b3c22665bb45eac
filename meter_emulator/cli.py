"""Commands of `python -m meter_emulator`."""

import asyncio
import json
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import uvloop

from meter_emulator.backlog import Pace
from meter_emulator.fleet import Fleet
from meter_emulator.plan import Plan, PlanUnreadable, Shape, TenantLoad, read_tenants
from meter_emulator.run import LoadRun
from meter_emulator.sender import Lines

EXIT_REFUSED = 3
EXIT_UNANSWERED = 4

_DAY = click.DateTime(["%Y-%m-%d"])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command()
@click.option("--tenant", required=True, help="The tenant whose fleet it is.")
@click.option("--count", default=50, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@click.option("--json", "as_json", is_flag=True, help="Print the body for POST /v1/mdms/meters.")
def meters(tenant: str, count: int, seed: int, as_json: bool) -> None:
    """Print the fleet's meters: names, or the registry's body with --json."""
    fleet = Fleet(tenant=tenant, count=count, seed=seed)
    if as_json:
        click.echo(json.dumps({"meters": fleet.registry()}))
    else:
        click.echo("\n".join(fleet.meter_ids()))


@main.command()
@click.option("--url", required=True, help="The zone's gateway, e.g. http://127.0.0.1:8083.")
@click.option("--plan", "plan_file", type=_FILE, help="JSON [{tenant, key_file, count, seed}].")
@click.option("--tenant", help="One tenant, in place of --plan.")
@click.option("--key-file", type=_FILE, help="File with the tenant's API key.")
@click.option("--count", default=50, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@click.option("--day", required=True, type=_DAY, help="First UTC day.")
@click.option("--days", default=1, show_default=True, type=click.IntRange(1))
@click.option("--shape", default="live", show_default=True, type=click.Choice(["live", "backfill"]))
@click.option("--meters-per-body", default=100, show_default=True, type=click.IntRange(1))
@click.option(
    "--rate", default=0.0, show_default=True, type=click.FloatRange(0), help="Readings/s."
)
@click.option("--connections", default=4, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--timeout", default=30.0, show_default=True, help="Seconds to wait for an answer.")
@click.option("--give-up", default=120.0, show_default=True, help="Seconds to retry a body for.")
@click.option("--progress", is_flag=True, help="JSON lines on standard error while it runs.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def send(
    *,
    url: str,
    plan_file: Path | None,
    tenant: str | None,
    key_file: Path | None,
    count: int,
    seed: int,
    day: datetime,
    days: int,
    shape: Shape,
    meters_per_body: int,
    rate: float,
    connections: int,
    timeout: float,
    give_up: float,
    progress: bool,
    as_json: bool,
) -> None:
    """Send a fleet's days and print what became of them.

    With --rate the load is open-loop: a delay counts from the moment a request was meant to go.
    Ends with 0 when every reading was acknowledged, 3 when some were refused, 4 when some have no
    answer, 2 for wrong arguments.
    """
    try:
        tenants = _tenants(plan_file, tenant, key_file, count, seed)
        run = LoadRun(
            plan=Plan(
                tenants=tenants,
                first_day=day.date(),
                days=days,
                shape=shape,
                meters_per_body=meters_per_body,
            ),
            url=url,
            pace=Pace(rate=rate, give_up_s=give_up),
            lines=Lines(connections=connections, answer_s=timeout),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_done(run, progress))
    result = run.result()
    click.echo(json.dumps(result) if as_json else _text(result))
    if result["acknowledged"] < result["planned"]:
        unanswered = result["unanswered"] or result["sent"] < result["planned"]
        sys.exit(EXIT_UNANSWERED if unanswered else EXIT_REFUSED)


async def _until_done(run: LoadRun, progress: bool) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, run.stop)
    try:
        await run.run(_print_progress if progress else None)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _tenants(
    plan_file: Path | None, tenant: str | None, key_file: Path | None, count: int, seed: int
) -> tuple[TenantLoad, ...]:
    if plan_file is not None:
        if tenant or key_file:
            raise PlanUnreadable("--plan already names the tenants and their keys")
        return read_tenants(plan_file)
    if not tenant or key_file is None:
        raise PlanUnreadable("--tenant with --key-file, or --plan, is needed")
    return (TenantLoad(tenant=tenant, key_file=str(key_file), count=count, seed=seed),)


def _print_progress(figures: dict[str, Any]) -> None:
    sys.stderr.write(json.dumps(figures) + "\n")
    sys.stderr.flush()


def _text(result: dict[str, Any]) -> str:
    names = ("planned", "sent", "acknowledged", "refused", "unanswered", "requests", "retries")
    lines = [f"{name:>20}  {result[name]}" for name in names]
    lines.append(f"{'readings/s':>20}  {result['readings_per_second']}")
    lines.append(f"{'delay ms':>20}  {result['delay_ms']}")
    return "\n".join(lines)
