"""`gridfaas status`: what runs, and whether it is ready."""

import asyncio
import json
import os
import sys
from typing import Any

import click
import httpx
import msgspec

from deploy.cli.exit_codes import NOT_READY, NOT_RUNNING, OK
from deploy.lab.home import Home, find_home
from deploy.lab.lock import running_lab
from deploy.lab.status_file import LabStatus, read_status

ASK_TIMEOUT_S = 5.0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the status as one JSON object.")
def status(*, as_json: bool) -> None:
    """Show the lab's processes, where its gateways are and whether its zones are ready.

    \b
    Exit codes:
      0  it runs, and every zone is ready
      3  it is not running
      6  it runs, but something is down or not ready (starting, for instance)
    """
    home = find_home(environ=os.environ)
    found = asyncio.run(_look(home))
    click.echo(json.dumps(found) if as_json else _text(found))
    if not found["running"]:
        sys.exit(NOT_RUNNING)
    sys.exit(OK if found["ready"] else NOT_READY)


async def _look(home: Home) -> dict[str, Any]:
    pid = running_lab(home.state)
    if pid is None:
        return {"running": False, "ready": False, "state": str(home.state)}
    known = read_status(home)
    found: dict[str, Any] = {"running": True, "pid": pid, "state": str(home.state)}
    if known is None:
        return found | {"ready": False}
    zones = await _ask_zones(known)
    up = all(process.pid is not None for process in known.processes)
    found |= msgspec.to_builtins(known)
    found["zones"] = zones
    found["ready"] = up and all(answer == "ready" for answer in zones.values())
    return found


async def _ask_zones(known: LabStatus) -> dict[str, str]:
    async with httpx.AsyncClient(timeout=ASK_TIMEOUT_S, trust_env=False) as client:
        answers = await asyncio.gather(*(_ask(client, url) for url in known.gateways.values()))
    return dict(zip(known.gateways, answers, strict=True))


async def _ask(client: httpx.AsyncClient, url: str) -> str:
    try:
        answer = await client.get(f"{url}/readyz")
    except httpx.HTTPError as error:
        return f"no answer: {error}"
    return "ready" if answer.status_code == 200 else f"not ready: {answer.status_code}"


def _text(found: dict[str, Any]) -> str:
    if not found["running"]:
        return f"not running (state: {found['state']})"
    lines = [f"running as process {found['pid']} (state: {found['state']})"]
    if "isolation" not in found:
        return "\n".join([*lines, "starting"])
    lines.append(f"isolation: {found['isolation']}")
    lines += [f"  {zone:<18} {found['gateways'][zone]}  {s}" for zone, s in found["zones"].items()]
    if found["prometheus_url"] is not None:
        lines.append(f"  {'prometheus':<18} {found['prometheus_url']}")
    for process in found["processes"]:
        pid = "down" if process["pid"] is None else f"process {process['pid']}"
        lines.append(f"  {process['name']:<18} {pid}, {process['restarts']} restarts")
    return "\n".join(lines)
