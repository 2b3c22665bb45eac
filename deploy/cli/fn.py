"""`gridfaas fn`: a tenant's own functions, from a new folder to a version that zones run."""

from pathlib import Path
from typing import Any

import click

from deploy.cli.control_plane import EXIT_CODES, show
from deploy.cli.fn_deploy import deploy, show_zones, wait_option
from deploy.cli.fn_invoke import invoke
from deploy.cli.fn_local import new, serve
from deploy.cli.fn_logs import logs
from deploy.cli.fn_secret import secret
from deploy.cli.fn_text import detail_text, function_row
from deploy.cli.fn_ways import find_ways, ways_options

PAGE = 1_000


@click.group()
def fn() -> None:
    """Write, deploy, call and look after functions of your own.

    A function is a folder: function.yaml says what it needs, handler.py has
    `async def handle(event, context)` (or app.py an ASGI `app`), requirements.txt its own
    packages with hashes. `new` writes one that works, `serve` runs it here, `deploy` puts it into
    the zones, where it is called at /function/NAME.
    """


for command in (new, serve, deploy, invoke, logs, secret):
    fn.add_command(command)


@fn.command("list", help=f"List the functions that can be called, with their versions.{EXIT_CODES}")
@ways_options
def list_functions(
    *, tenant: str | None, url: str | None, key_file: Path | None, as_json: bool
) -> None:
    ways = find_ways(tenant=tenant, url=url, key_file=key_file)
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = ways.call("GET", f"functions?limit={PAGE}&cursor={cursor}")
        found += page["functions"]
        cursor = page["next_cursor"]
    show({"functions": found}, as_json=as_json, text="\n".join(map(function_row, found)))


@fn.command(
    help=f"""Show a function: its spec, versions, and in each zone its state and workers.

    Also why its workers ended, counted by reason, such as memory-limit or run-time-limit.
    {EXIT_CODES}"""
)
@click.argument("name")
@click.option("--zone", help="Ask this zone only; without it, every zone of the lab.")
@ways_options
def describe(
    *,
    name: str,
    zone: str | None,
    tenant: str | None,
    url: str | None,
    key_file: Path | None,
    as_json: bool,
) -> None:
    ways = find_ways(tenant=tenant, url=url, key_file=key_file)
    asked = list(ways.gateways) if zone is None else [ways.zone(zone)]
    answers = {one: ways.call("GET", f"functions/{name}", zone=one) for one in asked}
    whole = {**answers[asked[0]], "zones": [answers[one]["zone"] for one in asked]}
    del whole["zone"]
    show(whole, as_json=as_json, text=detail_text(whole))


@fn.command(help=f"Take a function out of every zone, with all its versions.{EXIT_CODES}")
@click.argument("name")
@ways_options
def remove(
    *, name: str, tenant: str | None, url: str | None, key_file: Path | None, as_json: bool
) -> None:
    find_ways(tenant=tenant, url=url, key_file=key_file).call("DELETE", f"functions/{name}")
    show({"removed": name}, as_json=as_json, text=f"function {name} is removed")


@fn.command(
    help=f"""Go back to the version before, or to the one that --to names, and wait for the zones.

    Zones switch without a failed call. The version that you leave stays, to go forward to.
    {EXIT_CODES.rstrip()}
      11  a zone says that it failed, or is not ready in time
"""
)
@click.argument("name")
@click.option("--to", "version", type=click.IntRange(1), help="The version to go back to.")
@wait_option
@ways_options
def rollback(
    *,
    name: str,
    version: int | None,
    wait_s: float,
    tenant: str | None,
    url: str | None,
    key_file: Path | None,
    as_json: bool,
) -> None:
    ways = find_ways(tenant=tenant, url=url, key_file=key_file)
    made = ways.call("POST", f"functions/{name}/rollback", json={"version": version})
    if not as_json:
        click.echo(f"version {made['version']} of {name} is in force")
    show_zones(ways, made, within_s=wait_s, as_json=as_json)
