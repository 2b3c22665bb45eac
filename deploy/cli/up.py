"""`gridfaas up`: the whole platform on this machine, proven with a day of readings."""

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass
from typing import Any

import click

from deploy.cli import load_options
from deploy.cli.exit_codes import INTERRUPTED
from deploy.cli.interruption import cancelled_by_signals
from deploy.cli.progress import ShownProgress
from deploy.cli.summary import curl_lines, summary_text
from deploy.cli.verdict import verdict
from deploy.lab.home import find_home
from deploy.lab.replay import Replay, replay_day
from deploy.lab.running import RunningLab, running_lab
from deploy.lab.shown_url import without_password
from deploy.lab.status_file import status_path
from deploy.lab.topology import gateway_url, lab_topology, named_design
from zones.topology import LAB


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Whose readings `up` sends."""

    meters: int
    seed: int
    pv_share: float


@click.command()
@click.option("--once", is_flag=True, help="End after the summary, with all that was started.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@load_options.meters
@load_options.seed
@load_options.pv_share
@click.option(
    "--timeout",
    default=300.0,
    show_default=True,
    type=click.FloatRange(1),
    help="Seconds until the summary must be there.",
)
@click.option(
    "--first-port",
    type=click.IntRange(1, 65_000),
    help="Gateways listen from this port on, in place of the design's ports.",
)
@click.option(
    "--links",
    metavar="DESIGN",
    help="Emulate the links of a design between meters and zones: fc-ec, fc-ec-zero or a file.",
)
def up(
    *,
    once: bool,
    as_json: bool,
    meters: int,
    seed: int,
    pv_share: float,
    timeout: float,
    first_port: int | None,
    links: str | None,
) -> None:
    """Bring the platform up, send it a day of emulated readings, prove that each arrived.

    Starts PostgreSQL and a Valkey a zone (or uses $DATABASE_URL and $REDIS_URL_<ZONE>), an agent
    and a gateway a zone, registers the meters of two tenants, replays the next past UTC day in
    15-minute intervals at both edges, and counts in the stores. Stays up until Ctrl-C, which ends
    what it started and nothing else; data and keys survive, the next `up` takes the next day.

    While it is up: `load` sends more, `status` shows it, `tenant` and `key` administer it.

    \b
    Exit codes:
      0    each reading was acknowledged, and is in the cold store exactly once
      1    it could not be brought up; one line says why
      2    wrong arguments
      4    some readings were not acknowledged
      5    an acknowledged reading is not in the cold store exactly once
      130  interrupted before the summary
    """
    fleet = Fleet(meters=meters, seed=seed, pv_share=pv_share)
    deadline = time.monotonic() + timeout
    sys.exit(asyncio.run(_up(once, as_json, fleet, deadline, first_port, links)))


async def _up(
    once: bool,
    as_json: bool,
    fleet: Fleet,
    deadline: float,
    first_port: int | None,
    links: str | None,
) -> int:
    home = find_home(environ=os.environ)
    design = LAB if links is None else named_design(links)
    topology = lab_topology(design, first_port=first_port)
    code = INTERRUPTED
    with cancelled_by_signals():
        try:
            with ShownProgress() as reporter:
                async with running_lab(
                    home, topology, environ=os.environ, deadline=deadline, reporter=reporter
                ) as lab:
                    replay = await replay_day(
                        lab,
                        meters=fleet.meters,
                        seed=fleet.seed,
                        pv_share=fleet.pv_share,
                        deadline=deadline,
                        reporter=reporter,
                    )
                    code = verdict(replay)
                    reporter.finished()
                    _print(lab, replay, as_json)
                    if not once:
                        reporter.step("the lab is up; Ctrl-C ends it")
                        await asyncio.Event().wait()
        except asyncio.CancelledError:
            # Asked to end: everything is down by now, and the summary, if any, has been given.
            return code
    return code


def _print(lab: RunningLab, replay: Replay, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(replay.figures() | _addresses(lab, replay)))
    else:
        click.echo(summary_text(lab, replay))


def _addresses(lab: RunningLab, replay: Replay) -> dict[str, Any]:
    return {
        "database_url": without_password(lab.audit_url),
        "status_file": str(status_path(lab.home)),
        "gateways": {zone.name: gateway_url(zone) for zone in lab.topology.zones},
        "prometheus_url": lab.prometheus_url,
        "keys_file": str(lab.home.state / "keys.json"),
        "curl": curl_lines(lab, replay),
    }
