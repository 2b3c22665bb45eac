"""`gridfaas load`: more readings onto a running lab, with the same proof."""

import asyncio
import json
import os
import sys
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click

from deploy.cli import load_options
from deploy.cli.exit_codes import INTERRUPTED, NOT_RUNNING
from deploy.cli.interruption import cancelled_by_signals
from deploy.cli.progress import ShownProgress
from deploy.cli.summary import figures_text
from deploy.cli.verdict import verdict
from deploy.lab.attached import NoLab, attached_lab, while_it_runs
from deploy.lab.day import take_days
from deploy.lab.home import Home, find_home
from deploy.lab.load_spec import PAPER_DAYS, LoadSpec
from deploy.lab.replay import replay


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
@click.option(
    "--preset",
    default="homes",
    show_default=True,
    type=click.Choice(["homes", "paper"]),
    help="Homes in 15-minute intervals, or the paper's 1,000 devices with two readings a day.",
)
@load_options.meters
@load_options.seed
@load_options.pv_share
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    help="First UTC day; without it, the next that no run has taken.",
)
@click.option("--days", type=click.IntRange(1, 366), help="How many days: 1, or the paper's 10.")
@click.option(
    "--shape",
    default="live",
    show_default=True,
    type=click.Choice(["live", "backfill"]),
    help="An instant of many meters after the other, or each meter's whole days.",
)
@click.option(
    "--rate",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Readings/s over both edges, kept whatever the answers; 0: as fast as answers come.",
)
@load_options.faults
@click.option(
    "--timeout",
    default=3_600.0,
    show_default=True,
    type=click.FloatRange(1),
    help="Seconds until the figures must be there.",
)
def load(
    *,
    as_json: bool,
    day: datetime | None,
    days: int | None,
    faults: tuple[tuple[str, float], ...],
    timeout: float,
    **given: Any,
) -> None:
    """Send emulated readings to the lab that `up` keeps running here, and prove where they are.

    The same options and seed send the same readings: a second run of the same --day is answered
    `duplicate` and changes nothing in the stores. With the paper's preset --meters and --pv-share
    do nothing: its 1,000 devices are one tenant's.

    \b
    gridfaas load                                     the next day of 1,000 meters
    gridfaas load --days 7 --shape backfill           a week, a meter's day at once
    gridfaas load --rate 2000                         open loop: 2,000 readings/s
    gridfaas load --fault late=0.05 --fault gap=0.01  late and missing readings
    gridfaas load --preset paper                      the paper's lab load

    \b
    Exit codes:
      0    each reading was acknowledged, and is in the cold store exactly once
      1    it could not be sent; one line says why
      2    wrong arguments
      3    no lab is running
      4    some readings were not acknowledged (with --fault: have no answer; refused is one)
      5    an acknowledged reading is not in the cold store exactly once
      130  interrupted before the figures
    """
    today = datetime.now(UTC).date()
    length = days or (PAPER_DAYS if given["preset"] == "paper" else 1)
    if day is not None and day.date() + timedelta(days=length) > today:
        raise click.UsageError("--day: the emulator replays days that are over")
    home = find_home(environ=os.environ)
    request = {"days": length, "faults": dict(faults), **given}
    first = None if day is None else day.date()
    sys.exit(asyncio.run(_load(home, first, today, request, time.monotonic() + timeout, as_json)))


async def _load(
    home: Home,
    first: date | None,
    today: date,
    request: dict[str, Any],
    deadline: float,
    as_json: bool,
) -> int:
    with cancelled_by_signals():
        try:
            lab = await attached_lab(home, deadline=deadline)
            if first is None:
                first = take_days(home.state / "day.json", days=request["days"], today=today)
            spec = LoadSpec(first_day=first, **request)
            with ShownProgress() as reporter:
                work = replay(lab, spec=spec, deadline=deadline, reporter=reporter)
                done = await while_it_runs(home, work)
        except NoLab as error:
            click.echo(f"gridfaas: {error}", err=True)
            return NOT_RUNNING
        except asyncio.CancelledError:
            return INTERRUPTED
    click.echo(json.dumps(done.figures()) if as_json else figures_text(done))
    return verdict(done)
