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
from meter_emulator.faults import FAULTS
from meter_emulator.meter_clocks import ClockPlan
from meter_emulator.mqtt_line import Broker
from meter_emulator.paper_preset import DAYS as PAPER_DAYS
from meter_emulator.plan import (
    Plan,
    PlanUnreadable,
    Preset,
    Shape,
    TenantLoad,
    fleet_of,
    read_tenants,
)
from meter_emulator.run import LoadRun
from meter_emulator.sender import Lines

EXIT_REFUSED = 3
EXIT_UNANSWERED = 4

_DAY = click.DateTime(["%Y-%m-%d"])
_PRESET = click.Choice(["homes", "paper"])
_SHARE = click.FloatRange(0, 1)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command()
@click.option("--tenant", required=True, help="The tenant whose fleet it is.")
@click.option("--count", default=50, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@click.option("--preset", default="homes", show_default=True, type=_PRESET)
@click.option("--pv-share", default=0.0, show_default=True, type=_SHARE, help="Homes with panels.")
@click.option("--json", "as_json", is_flag=True, help="Print the body for POST /v1/mdms/meters.")
def meters(
    *, tenant: str, count: int, seed: int, preset: Preset, pv_share: float, as_json: bool
) -> None:
    """Print the fleet's meters: names, or the registry's body with --json."""
    try:
        fleet = fleet_of(preset=preset, tenant=tenant, count=count, seed=seed, pv_share=pv_share)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        click.echo(json.dumps({"meters": fleet.registry()}))
    else:
        click.echo("\n".join(fleet.meter_ids()))


@main.command()
@click.option("--url", default="", help="The zone's gateway, e.g. http://127.0.0.1:8083.")
@click.option("--mqtt", help="A broker in place of --url, e.g. mqtt://127.0.0.1:1883.")
@click.option("--mqtt-ca", type=_FILE, help="PEM of the authority that the broker is trusted by.")
@click.option("--plan", "plan_file", type=_FILE, help="JSON [{tenant, key_file, count, seed}].")
@click.option("--tenant", help="One tenant, in place of --plan.")
@click.option("--key-file", type=_FILE, help="File with the API key, or password at the broker.")
@click.option("--count", default=50, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@click.option("--preset", default="homes", show_default=True, type=_PRESET)
@click.option("--pv-share", default=0.0, show_default=True, type=_SHARE, help="Homes with panels.")
@click.option("--fault", "faults", multiple=True, help=f"NAME=RATE of {', '.join(FAULTS)}.")
@click.option("--drift-ppm", type=click.FloatRange(0), help="Meters' own clocks, and their drift.")
@click.option("--sync-every", type=click.IntRange(1), help="Seconds between exchanges of time.")
@click.option(
    "--clock-limit",
    default=9.0,
    show_default=True,
    help="Seconds off from which a reading is marked.",
)
@click.option("--day", required=True, type=_DAY, help="First UTC day.")
@click.option("--days", type=click.IntRange(1), help="UTC days; 1, or the paper's 10.")
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
    mqtt: str | None,
    mqtt_ca: Path | None,
    plan_file: Path | None,
    tenant: str | None,
    key_file: Path | None,
    count: int,
    seed: int,
    preset: Preset,
    pv_share: float,
    faults: tuple[str, ...],
    drift_ppm: float | None,
    sync_every: int | None,
    clock_limit: float,
    day: datetime,
    days: int | None,
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
        if plan_file is None:
            tenants = _one_tenant(tenant, key_file, count, seed, pv_share, preset)
        elif tenant or key_file:
            raise PlanUnreadable("--plan already names the tenants and their keys")
        else:
            tenants = read_tenants(plan_file)
        run = LoadRun(
            plan=Plan(
                tenants=tenants,
                first_day=day.date(),
                days=days or (PAPER_DAYS if preset == "paper" else 1),
                shape=shape,
                meters_per_body=meters_per_body,
                faults=_rates(faults),
                clocks=_clocks(drift_ppm, sync_every, clock_limit),
            ),
            url=url,
            mqtt=_broker(mqtt, mqtt_ca, url=url, user=tenants[0].tenant),
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


def _broker(mqtt: str | None, ca: Path | None, *, url: str, user: str) -> Broker | None:
    if bool(url) == bool(mqtt):
        raise PlanUnreadable("either --url or --mqtt is needed")
    if mqtt is None:
        return None
    return Broker(url=mqtt, user=user, ca=None if ca is None else str(ca))


def _one_tenant(
    tenant: str | None,
    key_file: Path | None,
    count: int,
    seed: int,
    pv_share: float,
    preset: Preset,
) -> tuple[TenantLoad, ...]:
    if not tenant or key_file is None:
        raise PlanUnreadable("--tenant with --key-file, or --plan, is needed")
    load = TenantLoad(
        tenant=tenant,
        key_file=str(key_file),
        count=count,
        seed=seed,
        pv_share=pv_share,
        preset=preset,
    )
    return (load,)


def _clocks(drift_ppm: float | None, sync_every: int | None, limit_s: float) -> ClockPlan | None:
    if drift_ppm is None and sync_every is None:
        return None
    return ClockPlan(drift_ppm=drift_ppm or 0.0, sync_every_s=sync_every or 0, limit_s=limit_s)


def _rates(faults: tuple[str, ...]) -> dict[str, float]:
    rates = {}
    for fault in faults:
        name, _, rate = fault.partition("=")
        try:
            rates[name] = float(rate)
        except ValueError as error:
            raise PlanUnreadable(f"--fault {fault}: NAME=RATE is needed") from error
    return rates


def _print_progress(figures: dict[str, Any]) -> None:
    sys.stderr.write(json.dumps(figures) + "\n")
    sys.stderr.flush()


def _text(result: dict[str, Any]) -> str:
    names = ("planned", "sent", "acknowledged", "refused", "unanswered", "requests", "retries")
    lines = [f"{name:>20}  {result[name]}" for name in names]
    lines.append(f"{'readings/s':>20}  {result['readings_per_second']}")
    lines.append(f"{'delay ms':>20}  {result['delay_ms']}")
    return "\n".join(lines)
