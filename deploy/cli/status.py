"""`gridfaas status`: what runs, whether it is ready, what waits and what is stored."""

import asyncio
import json
import os
import sys
from typing import Any

import click
import msgspec

from deploy.cli.exit_codes import NOT_READY, NOT_RUNNING, OK
from deploy.lab.home import Home, find_home
from deploy.lab.keys_file import read_keys
from deploy.lab.lock import running_lab
from deploy.lab.look import link_states, stored_readings, zone_answers
from deploy.lab.shown_url import without_password
from deploy.lab.status_file import read_status


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the status as one JSON object.")
@click.option(
    "--count/--no-count",
    default=True,
    show_default=True,
    help="Count the readings in the stores; with years of them this takes a while.",
)
def status(*, as_json: bool, count: bool) -> None:
    """Show the lab's processes and zones, what waits on its links, and what its stores hold.

    A zone is ready when its gateway knows keys and functions and its agent answers. A link's
    backlog is what the zone has acknowledged and its parent has not. Readings are counted over
    all tenants and days: a zone's hot store has those that came through it, the cold store all.

    \b
    Exit codes:
      0  it runs, and every process and zone is ready
      3  it is not running
      6  it runs, but something is down or not ready (starting, for instance)
    """
    home = find_home(environ=os.environ)
    found = asyncio.run(_look(home, count=count))
    click.echo(json.dumps(found) if as_json else _text(found))
    if not found["running"]:
        sys.exit(NOT_RUNNING)
    sys.exit(OK if found["ready"] else NOT_READY)


async def _look(home: Home, *, count: bool) -> dict[str, Any]:
    pid = running_lab(home.state)
    if pid is None:
        return {"running": False, "ready": False, "state": str(home.state)}
    found: dict[str, Any] = {"running": True, "pid": pid, "state": str(home.state)}
    known = read_status(home)
    if known is None or known.pid != pid:
        return found | {"ready": False}
    key = read_keys(home.state / "keys.json").admin
    zones, links, readings = await asyncio.gather(
        zone_answers(known),
        link_states(known, key=key),
        stored_readings(known, key=key) if count else _uncounted(),
    )
    all_run = all(process.pid is not None for process in known.processes)
    all_ready = all(answer == "ready" for answer in zones.values())
    # The hot stores' addresses are administrators', and passwords stay in the file.
    found |= {name: of for name, of in msgspec.to_builtins(known).items() if name != "redis_urls"}
    found["database_url"] = without_password(known.database_url)
    found |= {"zones": zones, "links": links, "readings": readings}
    found["ready"] = known.up and all_run and all_ready
    return found


async def _uncounted() -> None:
    return None


def _text(found: dict[str, Any]) -> str:
    if not found["running"]:
        return f"not running (state: {found['state']})"
    lines = [f"running as process {found['pid']} (state: {found['state']})"]
    if "isolation" not in found:
        return "\n".join([*lines, "starting"])
    rows = [("isolation", found["isolation"])]
    rows += [(zone, f"{found['gateways'][zone]}  {how}") for zone, how in found["zones"].items()]
    if found["prometheus_url"] is not None:
        rows.append(("prometheus", found["prometheus_url"]))
    rows += [(f"link of {link['zone']}", _link(link)) for link in found["links"]]
    rows += _readings(found["readings"])
    for process in found["processes"]:
        pid = "down" if process["pid"] is None else f"process {process['pid']}"
        rows.append((process["name"], f"{pid}, {process['restarts']} restarts"))
    return "\n".join([*lines, *(f"  {name:<18} {value}" for name, value in rows)])


def _link(link: dict[str, Any]) -> str:
    if "error" in link:
        return f"no answer: {link['error']}"
    state = "up" if link["up"] else f"down ({link['last_error']})"
    waits = "nothing waits"
    if link["backlog_entries"]:
        waits = (
            f"{link['backlog_entries']:,} entries ({link['backlog_bytes']:,} bytes) wait, "
            f"the oldest for {link['oldest_age_s']:.1f} s"
        )
    return f"{state}, {waits}"


def _readings(readings: dict[str, Any] | None) -> list[tuple[str, str]]:
    if readings is None:
        return []
    hot, cold = readings["hot"], readings["cold"]
    zones = "" if hot is None else ", ".join(f"{zone} {n:,}" for zone, n in hot.items())
    return [
        ("readings in hot", zones or "not counted in time"),
        ("readings in cold", "not counted in time" if cold is None else f"{cold:,}"),
    ]
